import { metrics } from '../contract.ts';
import type { LoadingReport } from '../engine/model/report.ts';
import type { MetricName } from './emf.ts';

/** The metrics of a job that ended. */
export function jobMetrics(report: LoadingReport): Readonly<Partial<Record<MetricName, number>>> {
  const { tables, state, startedAt, endedAt, cost } = report;
  const sum = (of: (table: LoadingReport['tables'][number]) => number): number =>
    tables.reduce((total, table) => total + of(table), 0);
  return {
    [metrics.rows]: sum((table) => table.rows),
    [metrics.bytes]: sum((table) => table.bytes),
    [metrics.objects]: sum((table) => table.objects.length),
    [metrics.durationSeconds]: endedAt === null ? 0 : Math.max(0, Date.parse(endedAt) - Date.parse(startedAt)) / 1_000,
    [metrics.jobsComplete]: state === 'complete' ? 1 : 0,
    [metrics.jobsFailed]: state === 'failed' || state === 'partial' ? 1 : 0,
    [metrics.streamsFailed]: tables.filter((table) => table.error !== null).length,
    ...(cost === undefined ? {} : { [metrics.estimatedCost]: cost.total }),
  };
}
