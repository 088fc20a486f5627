import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Choice, Condition, JsonPath, Map, Pass } from 'aws-cdk-lib/aws-stepfunctions';
import type { IChainable } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { invoke } from './invoke.ts';
import { BEFORE_INVOCATION, SANDBOX_GONE } from './retries.ts';

/**
 * The workers of a job, each of which is invoked again while it answers "more". One that fails ends alone: the others go on, and the report follows in any case. What `plan` said
 * stays the state's output, since the report asks for the job only.
 */
export function extractionStates(
  scope: Construct,
  { work, workers, report }: { readonly work: IFunction; readonly workers: number; readonly report: IChainable },
): Map {
  const task = invoke(scope, 'Work', work, {
    job: JsonPath.stringAt('$.job'),
    worker: JsonPath.stringAt('$.worker'),
    endBy: JsonPath.stringAt('$.endBy'),
  });
  task.addRetry(BEFORE_INVOCATION);
  // Claims make a worker's next invocation take up what its last one held, so it may be tried again whatever it did.
  task.addRetry(SANDBOX_GONE);
  task.addCatch(new Pass(scope, 'Worker Failed', { comment: 'The report says what was left undone' }), {
    errors: ['States.ALL'],
    resultPath: '$.error',
  });
  task.next(
    new Choice(scope, 'Is There More')
      .when(Condition.stringEquals('$.state', 'more'), task)
      .otherwise(new Pass(scope, 'Worker Done')),
  );

  const map = new Map(scope, 'Workers', { itemsPath: '$.workers', maxConcurrency: workers, resultPath: JsonPath.DISCARD });
  map.itemProcessor(task);
  map.addCatch(report, { errors: ['States.ALL'], resultPath: '$.error' });
  map.next(report);
  return map;
}
