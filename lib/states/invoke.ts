import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { TaskInput } from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';

/** A state that calls a function and goes on with its answer. Without CDK's own retries, which would try again what must not be done twice. */
export function invoke(
  scope: Construct,
  id: string,
  lambdaFunction: IFunction,
  payload: Readonly<Record<string, unknown>>,
): LambdaInvoke {
  return new LambdaInvoke(scope, id, {
    lambdaFunction,
    payload: TaskInput.fromObject(payload),
    outputPath: '$.Payload',
    retryOnServiceExceptions: false,
  });
}
