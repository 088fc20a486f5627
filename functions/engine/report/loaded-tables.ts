import type { LoadingReport, TableReport } from '../model/report.ts';

/** Tables of which a loader has something to load: rows, or a new version even if that is empty. */
export function loadedTables({ tables }: Pick<LoadingReport, 'tables'>): readonly TableReport[] {
  return tables.filter((table) => table.rows > 0 || table.newVersion);
}
