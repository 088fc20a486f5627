import { Duration } from 'aws-cdk-lib';
import { Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import { metricNamespace, metrics } from '../functions/contract.ts';

/** How values of a metric are put together: what a job counts is added up, what stands at a moment is taken at its worst. */
const STATISTICS: Readonly<Record<keyof typeof metrics, string>> = {
  rows: Stats.SUM,
  bytes: Stats.SUM,
  objects: Stats.SUM,
  durationSeconds: Stats.MAXIMUM,
  jobsComplete: Stats.SUM,
  jobsFailed: Stats.SUM,
  streamsFailed: Stats.SUM,
  jobsSkipped: Stats.SUM,
  estimatedCost: Stats.SUM,
  walRetainedBytes: Stats.MAXIMUM,
  walBudgetPercent: Stats.MAXIMUM,
  lagBytes: Stats.MAXIMUM,
  lagSeconds: Stats.MAXIMUM,
  slotsLost: Stats.MAXIMUM,
  intervalsSinceComplete: Stats.MAXIMUM,
  watchFailed: Stats.MAXIMUM,
};

/** A metric of one integration, over five minutes unless told otherwise. */
export function integrationMetric(integration: string, name: keyof typeof metrics, options: MetricOptions = {}): Metric {
  return new Metric({
    namespace: metricNamespace,
    metricName: metrics[name],
    dimensionsMap: { Integration: integration },
    statistic: STATISTICS[name],
    period: Duration.minutes(5),
    ...options,
  });
}
