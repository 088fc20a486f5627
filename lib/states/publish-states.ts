import { Aws } from 'aws-cdk-lib';
import { Choice, Condition, CustomState, Fail, JsonPath, Map, Pass } from 'aws-cdk-lib/aws-stepfunctions';
import type { IChainable } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { eventSource } from '../../functions/contract.ts';
import { whateverFails } from './retries.ts';

/**
 * Publishes the events of an answer of `report` (at most ten, as EventBridge takes at a time), asks for the next ones while there are, and then goes on to `done`.
 * From here and not from a function, since functions have no way to EventBridge out of their VPC.
 */
export function publishStates(
  scope: Construct,
  { nextEvents, done }: { readonly nextEvents: IChainable; readonly done: IChainable },
): Choice {
  const wrap = new Map(scope, 'Wrap Events', {
    itemsPath: '$.events',
    itemSelector: {
      Source: eventSource,
      DetailType: JsonPath.stringAt('$$.Map.Item.Value.detailType'),
      Detail: JsonPath.objectAt('$$.Map.Item.Value.detail'),
      EventBusName: 'default',
    },
    resultPath: '$.entries',
  });
  wrap.itemProcessor(new Pass(scope, 'Entry'));
  // The construct for this takes a fixed number of entries only.
  const publish = new CustomState(scope, 'Publish Events', {
    stateJson: {
      Type: 'Task',
      Resource: `arn:${Aws.PARTITION}:states:::events:putEvents`,
      Parameters: { 'Entries.$': '$.entries' },
      ResultPath: null,
    },
  });
  // Loaders may see an event twice: EventBridge itself delivers at least once.
  publish.addRetry(whateverFails({ seconds: 2, attempts: 8 }));
  publish.addCatch(
    new Fail(scope, 'Publishing Failed', {
      errorPath: '$.Error',
      causePath: '$.Cause',
      comment: 'The loading report is complete',
    }),
    { errors: ['States.ALL'] },
  );
  const more = new Choice(scope, 'Are There More Events').when(Condition.isNumeric('$.next'), nextEvents).otherwise(done);
  wrap.next(publish);
  publish.next(more);
  return new Choice(scope, 'Are There Events').when(Condition.isPresent('$.events[0]'), wrap).otherwise(more);
}
