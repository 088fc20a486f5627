import type { LoadingReport } from '../model/report.ts';
import type { Logger } from '../runtime/logger.ts';

/** One event `table-loaded` per table that a job loaded rows of. The dashboard in AWS is made of these: their names and fields stay as they are. */
export function logTables(log: Logger, { tables }: Pick<LoadingReport, 'tables'>): void {
  for (const { stream, rows, bytes, objects } of tables)
    if (rows > 0) log.log('INFO', 'table-loaded', { stream, rows, bytes, objects: objects.length });
}
