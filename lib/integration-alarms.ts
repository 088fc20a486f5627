import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, MathExpression, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { IntegrationConfig } from '../functions/engine/config/config.ts';
import { integrationMetric } from './integration-metrics.ts';

export interface IntegrationAlarmsProps {
  readonly integration: IntegrationConfig;
  /** Beginning of the alarms' names. */
  readonly name: string;
  readonly stateMachine: IStateMachine;
  readonly deadLetterQueue: IQueue;
  readonly topic: ITopic;
  /** Whether schedules start nothing: then no job is overdue. */
  readonly paused: boolean;
}

/** An alarm; `heading` is that of its section in the runbook. */
interface AlarmSpec {
  readonly id: string;
  readonly heading: string;
  readonly text: string;
  readonly metric: IMetric;
  readonly threshold: number;
  /** Periods of five minutes, all of which must be over the threshold. @default 1 */
  readonly periods?: number;
  /** @default 'fine' */
  readonly silence?: 'fine' | 'alarming';
}

const RUNBOOK = 'docs/aws/runbook.md';
/** Of a schedule: one job may fail and the next one make up for it. */
const OVERDUE_INTERVALS = 3;
const WAL_WARNING_PERCENT = 50;
const WAL_DANGER_PERCENT = 80;

/** What somebody should be told of, each once and with its section of the runbook. Alarms about slots exist only where something is read from the log. */
export class IntegrationAlarms extends Construct {
  readonly alarms: readonly Alarm[];

  constructor(scope: Construct, id: string, props: IntegrationAlarmsProps) {
    super(scope, id);
    const { integration, name, topic, paused } = props;
    const action = new SnsAction(topic);
    const specs = [
      ...jobAlarms(props),
      ...(integration.schedule === undefined || paused ? [] : [overdueAlarm(integration.name)]),
      ...(readsLog(integration) ? slotAlarms(integration.name) : []),
    ];
    this.alarms = specs.map((spec) => {
      const alarm = new Alarm(this, spec.id, {
        alarmName: `${name} ${spec.heading}`,
        alarmDescription: `${integration.name}: ${spec.text} What to do: ${RUNBOOK}#${anchorOf(spec.heading)}`,
        metric: spec.metric,
        threshold: spec.threshold,
        comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        evaluationPeriods: spec.periods ?? 1,
        treatMissingData: spec.silence === 'alarming' ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
      });
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
      return alarm;
    });
  }
}

/** Anchor that a heading of Markdown has on GitHub. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-');
}

/** Whether anything may be read from the log, as far as the file tells. */
export function readsLog({ selectAll, tables }: IntegrationConfig): boolean {
  return selectAll || tables.some((table) => table.selected && table.method === 'LOG_BASED');
}

function jobAlarms({ integration, stateMachine, deadLetterQueue }: IntegrationAlarmsProps): readonly AlarmSpec[] {
  const period = Duration.minutes(5);
  // A job that failed counts itself; one that could not, since its plan or report broke, is seen by its execution.
  const failed = new MathExpression({
    expression: 'FILL(jobs, 0) + FILL(failed, 0) + FILL(timedOut, 0)',
    label: 'failed jobs',
    period,
    usingMetrics: {
      jobs: integrationMetric(integration.name, 'jobsFailed'),
      failed: stateMachine.metricFailed({ period }),
      timedOut: stateMachine.metricTimedOut({ period }),
    },
  });
  return [
    {
      id: 'JobFailed',
      heading: 'Job failed',
      text: 'a job, or some of its streams, failed.',
      metric: failed,
      threshold: 1,
    },
    {
      id: 'DeadLetters',
      heading: 'Dead letters',
      text: 'a start of a job or the report of a stopped one could not be delivered.',
      metric: deadLetterQueue.metricApproximateNumberOfMessagesVisible({ period }),
      threshold: 1,
    },
    {
      id: 'Watchdog',
      heading: 'Watchdog failed or silent',
      text: 'the source could not be looked at for a quarter of an hour, so nobody sees how much WAL it keeps.',
      metric: integrationMetric(integration.name, 'watchFailed'),
      threshold: 1,
      periods: 3,
      silence: 'alarming',
    },
  ];
}

function overdueAlarm(integration: string): AlarmSpec {
  return {
    id: 'Overdue',
    heading: 'No complete job in three intervals',
    text: `no job was complete for ${String(OVERDUE_INTERVALS)} intervals of the schedule.`,
    metric: integrationMetric(integration, 'intervalsSinceComplete'),
    threshold: OVERDUE_INTERVALS,
  };
}

function slotAlarms(integration: string): readonly AlarmSpec[] {
  const budget = (percent: number, id: string, danger: string): AlarmSpec => ({
    id,
    heading: `WAL budget over ${String(percent)} percent`,
    text: `the slot holds back more than ${String(percent)} % of the WAL that it may. ${danger}`,
    metric: integrationMetric(integration, 'walBudgetPercent'),
    threshold: percent,
    periods: 2,
  });
  return [
    budget(WAL_WARNING_PERCENT, 'WalWarning', 'See that jobs run and keep up.'),
    budget(WAL_DANGER_PERCENT, 'WalDanger', 'At 100 % the slot is lost, or the disk of the source is full.'),
    {
      id: 'SlotLost',
      heading: 'Slot lost',
      text: 'a replication slot is lost, invalidated or missing: its tables must be copied anew.',
      metric: integrationMetric(integration, 'slotsLost'),
      threshold: 1,
    },
  ];
}
