import type { CopyRange, CopyStart } from '../../functions/engine/model/bookmark.ts';
import type { Table } from '../../functions/engine/model/catalog.ts';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import type { ConnectionSettings } from '../../functions/engine/source/postgres/connection.ts';
import { copyRange } from '../../functions/engine/source/postgres/copy-range.ts';
import { cut } from '../../functions/engine/source/postgres/cut.ts';
import { discoverTables } from '../../functions/engine/source/postgres/discover-tables.ts';
import { startOfCopy } from '../../functions/engine/source/postgres/start.ts';
import { eventually } from '../support/postgres.ts';
import { BlockRecorder, RowRecorder } from './copy-recorder.ts';
import { never, tableNamed } from './support.ts';

/** A copy that has been cut and not been read yet. */
export interface CutCopy {
  readonly table: Table;
  readonly start: CopyStart;
  readonly ranges: readonly CopyRange[];
}

/**
 * Starts and cuts a copy of one table of the schema `public`. Waits before until no transaction of other tests on the same server makes rows look new,
 * unless some are to be open.
 */
export async function cutCopy(
  settings: ConnectionSettings,
  name: string,
  { rangeBytes = 65_536, open = 'none' }: { readonly rangeBytes?: number; readonly open?: 'none' | 'some' } = {},
): Promise<CutCopy> {
  await using connection = await connect(settings, never());
  const [now] = await connection.query<{ readonly xid: string }>(
    'select txid_snapshot_xmax(txid_current_snapshot()) as xid',
    [],
    never(),
  );
  if (open === 'none') {
    await eventually(
      'what was running has ended',
      async () => BigInt((await startOfCopy(connection, never())).oldestXid ?? 0) >= BigInt(now?.xid ?? 0),
    );
  }
  const table = tableNamed(await discoverTables(connection, never()), name);
  const start = await startOfCopy(connection, never());
  return { table, start, ranges: await cut(connection, table, rangeBytes, never()) };
}

/** Reads one range over a connection of its own; rows as the text that the server sent, all columns. */
export async function readRange(
  settings: ConnectionSettings,
  { table, start }: CutCopy,
  range: CopyRange,
): Promise<readonly string[]> {
  await using connection = await connect(settings, never());
  const out = new BlockRecorder();
  const columns = table.columns.map(({ name }) => name);
  await copyRange(connection, { table, columns, range, start }, new RowRecorder(), out, never());
  return out.lines;
}

/** Reads everything but the catch-up, then that; `between` runs before each. */
export async function readCopy(
  settings: ConnectionSettings,
  copy: CutCopy,
  between: (range: CopyRange) => Promise<unknown> = () => Promise.resolve(),
): Promise<{ readonly rows: readonly string[]; readonly late: readonly string[] }> {
  const rows: string[] = [];
  const late: string[] = [];
  for (const range of copy.ranges) {
    await between(range);
    (range.kind === 'catch-up' ? late : rows).push(...(await readRange(settings, copy, range)));
  }
  return { rows, late };
}

/** What a loader makes of a copy: by key (the first column), the catch-up over the ranges. */
export function fold({
  rows,
  late,
}: {
  readonly rows: readonly string[];
  readonly late: readonly string[];
}): ReadonlyMap<string, string> {
  return new Map([...rows, ...late].map((row) => [row.split('\t')[0] ?? '', row]));
}
