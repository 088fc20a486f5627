import { Duration } from 'aws-cdk-lib';
import {
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  LogQueryVisualizationType,
  LogQueryWidget,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { IAlarm, IMetric, IWidget } from 'aws-cdk-lib/aws-cloudwatch';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { handlers, metrics } from '../functions/contract.ts';
import { integrationMetric } from './integration-metrics.ts';

export interface IntegrationDashboardProps {
  readonly integration: string;
  readonly dashboardName: string;
  readonly stateMachine: IStateMachine;
  readonly logGroups: Readonly<Record<keyof typeof handlers, ILogGroup>>;
  readonly alarms: readonly IAlarm[];
}

const WIDTH = 24;
const HEIGHT = 6;

/** One page per integration: alarms, what jobs moved, how far behind, how much WAL is held back, and by queries of the logs what every table did and what failed. */
export class IntegrationDashboard extends Construct {
  readonly dashboard: Dashboard;

  constructor(scope: Construct, id: string, props: IntegrationDashboardProps) {
    super(scope, id);
    const { integration, dashboardName, stateMachine, logGroups, alarms } = props;
    const graph = (
      title: string,
      left: readonly (keyof typeof metrics)[],
      right: readonly (keyof typeof metrics)[] = [],
    ): IWidget =>
      new GraphWidget({
        title,
        left: metricsOf(integration, left),
        right: metricsOf(integration, right),
        width: WIDTH / 3,
        height: HEIGHT,
      });
    const { report, plan, work } = logGroups;
    this.dashboard = new Dashboard(this, 'Dashboard', {
      dashboardName,
      defaultInterval: Duration.days(1),
      widgets: [
        [
          new TextWidget({
            markdown: `# ${integration}\nJobs are executions of the state machine \`${dashboardName}\`; what each loaded is in its loading report.`,
            width: WIDTH,
            height: 2,
          }),
        ],
        [new AlarmStatusWidget({ title: 'Alarms', alarms: [...alarms], width: WIDTH, height: 3 })],
        [
          graph('Rows', ['rows']),
          graph('Bytes and objects', ['bytes'], ['objects']),
          graph('Duration of jobs (s)', ['durationSeconds']),
        ],
        [
          graph('Jobs', ['jobsComplete', 'jobsFailed', 'jobsSkipped', 'streamsFailed']),
          graph('Intervals since the last complete job', ['intervalsSinceComplete'], ['watchFailed']),
          graph('Estimated cost (USD)', ['estimatedCost']),
        ],
        [
          graph('WAL budget (%)', ['walBudgetPercent'], ['slotsLost']),
          graph('WAL retained and lag (bytes)', ['walRetainedBytes', 'lagBytes']),
          graph('Lag (s)', ['lagSeconds']),
        ],
        [
          new GraphWidget({
            title: 'Executions',
            left: [
              stateMachine.metricStarted(),
              stateMachine.metricSucceeded(),
              stateMachine.metricFailed(),
              stateMachine.metricAborted(),
            ],
            width: WIDTH / 3,
            height: HEIGHT,
          }),
          // The plan closes jobs that died.
          logs(
            'Tables: rows and bytes',
            [report, plan],
            [
              "filter event = 'table-loaded'",
              'stats sum(rows) as rows, sum(bytes) as bytes, count(*) as jobs by stream',
              'sort rows desc',
            ],
          ),
        ],
        [
          logs(
            'What failed, and what to do',
            [report, plan, work],
            [
              "filter level in ['ERROR', 'CRITICAL']",
              'fields @timestamp, job, stream, code, message, remedy',
              'sort @timestamp desc',
            ],
            WIDTH,
          ),
        ],
      ],
    });
  }
}

function metricsOf(integration: string, names: readonly (keyof typeof metrics)[]): IMetric[] {
  return names.map((name) => integrationMetric(integration, name));
}

function logs(title: string, of: readonly ILogGroup[], queryLines: readonly string[], width = (WIDTH * 2) / 3): IWidget {
  return new LogQueryWidget({
    title,
    logGroupNames: of.map(({ logGroupName }) => logGroupName),
    queryLines: [...queryLines, 'limit 100'],
    view: LogQueryVisualizationType.TABLE,
    width,
    height: HEIGHT,
  });
}
