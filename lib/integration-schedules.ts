import { Duration, TimeZone } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Schedule, ScheduleExpression, ScheduleTargetInput, TimeWindow } from 'aws-cdk-lib/aws-scheduler';
import type { IScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke, StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { StartInput } from '../functions/contract.ts';
import type { ScheduleConfig } from '../functions/engine/config/config.ts';
import { scheduleTimings } from './schedule-expression.ts';

export interface IntegrationSchedulesProps {
  readonly integration: string;
  readonly stateMachine: IStateMachine;
  readonly watch: IFunction;
  readonly deadLetterQueue: IQueue;
  readonly scheduleGroup: IScheduleGroup;
  /** When jobs start. @default - only by hand */
  readonly schedule?: ScheduleConfig | undefined;
  /** Whether schedules of jobs exist but start nothing. The watchdog looks on. */
  readonly paused: boolean;
  /** When the template is made, for schedules that need a time to begin. */
  readonly now: Date;
  /** Key for what Scheduler keeps. @default - a key that AWS owns */
  readonly encryptionKey?: IKey | undefined;
}

/** How often the source is looked at, whether or not jobs run. */
export const WATCH_MINUTES = 5;

/** When jobs start and when the source is looked at, by EventBridge Scheduler: at the minute, with retries, and what cannot be delivered goes to the dead letters. */
export class IntegrationSchedules extends Construct {
  constructor(scope: Construct, id: string, props: IntegrationSchedulesProps) {
    super(scope, id);
    const { integration, stateMachine, watch, deadLetterQueue, scheduleGroup, schedule, paused, now, encryptionKey } = props;
    const common = {
      scheduleGroup,
      timeWindow: TimeWindow.off(),
      ...(encryptionKey === undefined ? {} : { key: encryptionKey }),
    };
    const input: StartInput = { trigger: 'schedule' };
    const timings = schedule === undefined ? [] : scheduleTimings(schedule, now);
    for (const [at, { expression, timezone, start }] of timings.entries()) {
      new Schedule(this, at === 0 ? 'Jobs' : `Jobs${String(at + 1)}`, {
        ...common,
        description: `Jobs of ${integration}`,
        schedule: ScheduleExpression.expression(expression, TimeZone.of(timezone)),
        ...(start === undefined ? {} : { start }),
        enabled: !paused,
        // A start that comes late is better than none, but not later than the next one could be.
        target: new StepFunctionsStartExecution(stateMachine, {
          input: ScheduleTargetInput.fromObject(input),
          deadLetterQueue,
          maxEventAge: Duration.hours(1),
          retryAttempts: 30,
        }),
      });
    }
    new Schedule(this, 'Watch', {
      ...common,
      description: `Watchdog of ${integration}`,
      schedule: ScheduleExpression.rate(Duration.minutes(WATCH_MINUTES)),
      target: new LambdaInvoke(watch, { deadLetterQueue, maxEventAge: Duration.minutes(WATCH_MINUTES), retryAttempts: 2 }),
    });
  }
}
