import { Duration } from 'aws-cdk-lib';
import { EventField, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

/** How an execution ends that did not come to its own end, or ended red. */
const STATUSES = ['ABORTED', 'TIMED_OUT', 'FAILED'];

/** Closes jobs whose execution was stopped in the console, timed out or broke: `report` gives their lease up and writes what they did. Where it did before, it does nothing. */
export class AbandonedExecutions extends Construct {
  constructor(
    scope: Construct,
    id: string,
    props: { readonly stateMachine: IStateMachine; readonly report: IFunction; readonly deadLetterQueue: IQueue },
  ) {
    super(scope, id);
    const target = new LambdaFunction(props.report, {
      event: RuleTargetInput.fromObject({ kind: 'abandoned', execution: EventField.fromPath('$.detail.executionArn') }),
      deadLetterQueue: props.deadLetterQueue,
      maxEventAge: Duration.hours(6),
      retryAttempts: 24,
    });
    new Rule(this, 'Rule', {
      description: 'Executions that ended without a report',
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        detail: { stateMachineArn: [props.stateMachine.stateMachineArn], status: STATUSES },
      },
      targets: [target],
    });
  }
}
