import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { EventBus } from 'aws-cdk-lib/aws-events';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import {
  Choice,
  Condition,
  DefinitionBody,
  Fail,
  JsonPath,
  LogLevel,
  Pass,
  Result,
  StateMachine,
  StateMachineType,
  Succeed,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { IChainable, TaskStateBase } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { jobLimitHours } from '../functions/contract.ts';
import { extractionStates } from './states/extraction-states.ts';
import { invoke } from './states/invoke.ts';
import { publishStates } from './states/publish-states.ts';
import { BEFORE_INVOCATION, whateverFails } from './states/retries.ts';

export interface JobStateMachineProps {
  /** At most 80 letters, digits, `-` and `_`. */
  readonly stateMachineName: string;
  readonly plan: IFunction;
  readonly work: IFunction;
  readonly report: IFunction;
  /** Workers that run at a time. */
  readonly workers: number;
  readonly tracing: 'off' | 'x-ray';
  readonly logRetention: RetentionDays;
  /** Key for the log. @default - a key that AWS owns */
  readonly encryptionKey?: IKey | undefined;
}

/** Beyond the job's own limit, which ends it at a checkpoint: for the last checkpoint, the report, and its retries. */
const END_MARGIN_MINUTES = 60;

/**
 * One execution is one job: plan, workers that loop while they say "more", report, events for loaders. It ends red where the job failed, so that the console's list tells;
 * a skipped one ends green.
 */
export class JobStateMachine extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, props: JobStateMachineProps) {
    super(scope, id);
    const logGroup = new LogGroup(this, 'Log', {
      // Under this prefix CloudWatch needs no statement per log group in its resource policy, whose size is limited.
      logGroupName: `/aws/vendedlogs/states/${props.stateMachineName}`,
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
      ...(props.encryptionKey === undefined ? {} : { encryptionKey: props.encryptionKey }),
    });
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      stateMachineName: props.stateMachineName,
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromChainable(this.#definition(props)),
      timeout: Duration.hours(jobLimitHours).plus(Duration.minutes(END_MARGIN_MINUTES)),
      tracingEnabled: props.tracing === 'x-ray',
      logs: { destination: logGroup, level: LogLevel.ERROR, includeExecutionData: false },
    });
    EventBus.fromEventBusName(this, 'Bus', 'default').grantPutEventsTo(this.stateMachine);
  }

  #definition(props: JobStateMachineProps): IChainable {
    const verdict = this.#verdict();
    const finish = this.#report(props.report, 'Report', { kind: 'finish', job: JsonPath.stringAt('$.job') });
    const nextEvents = this.#report(props.report, 'Next Events', {
      kind: 'events',
      job: JsonPath.stringAt('$.job'),
      from: JsonPath.numberAt('$.next'),
    });
    const publish = publishStates(this, { nextEvents, done: verdict });
    finish.next(publish);
    nextEvents.next(publish);
    const extraction = extractionStates(this, { work: props.work, workers: props.workers, report: finish });

    const skipped = new Succeed(this, 'Skipped', { comment: 'Another job runs, or the integration is paused' });
    const refused = new Fail(this, 'Refused', {
      error: 'JobFailed',
      causePath: '$.code',
      comment: 'The report of the job says more',
    });
    const plan = invoke(this, 'Plan', props.plan, {
      trigger: JsonPath.stringAt('$.trigger'),
      execution: JsonPath.executionId,
      startedAt: JsonPath.executionStartTime,
    });
    // A second plan of the same execution answers as the first one did, but may find it still at work: so only what never reached the function is tried again.
    plan.addRetry(BEFORE_INVOCATION);
    plan.addCatch(new Fail(this, 'Plan Failed', { errorPath: '$.Error', causePath: '$.Cause' }), { errors: ['States.ALL'] });
    plan.next(
      new Choice(this, 'Is Anything Planned')
        .when(Condition.stringEquals('$.state', 'started'), extraction)
        .when(Condition.stringEquals('$.state', 'skipped'), skipped)
        .otherwise(refused),
    );
    const byHand = new Pass(this, 'By Hand', { result: Result.fromObject({ trigger: 'manual' }) });
    const bySchedule = new Pass(this, 'By Schedule', { result: Result.fromObject({ trigger: 'schedule' }) });
    return new Choice(this, 'Who Started It')
      .when(
        Condition.and(Condition.isPresent('$.trigger'), Condition.stringEquals('$.trigger', 'schedule')),
        bySchedule.next(plan),
      )
      .otherwise(byHand.next(plan));
  }

  /** Nothing may cost a job its report: whatever goes wrong is tried again for the better part of an hour. */
  #report(report: IFunction, id: string, payload: Readonly<Record<string, unknown>>): TaskStateBase {
    const task = invoke(this, id, report, payload);
    task.addRetry(whateverFails({ seconds: 5, attempts: 12 }));
    task.addCatch(new Fail(this, `${id} Failed`, { errorPath: '$.Error', causePath: '$.Cause' }), { errors: ['States.ALL'] });
    return task;
  }

  #verdict(): Choice {
    const failed = new Fail(this, 'Job Failed', {
      error: 'JobFailed',
      causePath: JsonPath.format('Job {} failed: its loading report says why.', JsonPath.stringAt('$.job')),
    });
    return new Choice(this, 'How Did It End')
      .when(Condition.stringEquals('$.state', 'failed'), failed)
      .otherwise(new Succeed(this, 'Done'));
  }
}
