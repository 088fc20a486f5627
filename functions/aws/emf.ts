import { metricNamespace, metrics } from '../contract.ts';

/** A metric of the contract. */
export type MetricName = (typeof metrics)[keyof typeof metrics];

type Unit = 'Count' | 'Bytes' | 'Seconds' | 'Percent' | 'None';

/** CloudWatch shows values in these; what is not named is a count. */
const UNITS: Partial<Record<MetricName, Unit>> = {
  [metrics.bytes]: 'Bytes',
  [metrics.durationSeconds]: 'Seconds',
  [metrics.estimatedCost]: 'None',
  [metrics.walRetainedBytes]: 'Bytes',
  [metrics.walBudgetPercent]: 'Percent',
  [metrics.lagBytes]: 'Bytes',
  [metrics.lagSeconds]: 'Seconds',
  [metrics.intervalsSinceComplete]: 'None',
};

/**
 * One line of a log that CloudWatch takes metrics from, by the embedded metric format
 * (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html). The integration is the only dimension:
 * every other combination would be a metric to pay for. Undefined without values.
 */
export function emfLine(
  of: { readonly integration: string; readonly at: Date },
  values: Readonly<Partial<Record<MetricName, number>>>,
): string | undefined {
  const known = Object.values(metrics).flatMap((name) => {
    const value = values[name];
    return value === undefined || !Number.isFinite(value) ? [] : [[name, value] as const];
  });
  if (known.length === 0) return undefined;
  return JSON.stringify({
    _aws: {
      Timestamp: of.at.getTime(),
      CloudWatchMetrics: [
        {
          Namespace: metricNamespace,
          Dimensions: [['Integration']],
          Metrics: known.map(([name]) => ({ Name: name, Unit: UNITS[name] ?? 'Count' })),
        },
      ],
    },
    Integration: of.integration,
    ...Object.fromEntries(known),
  });
}
