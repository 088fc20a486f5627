import { FAILPOINTS } from '../../functions/engine/runtime/failpoint-list.ts';
import type { Failpoint } from '../../functions/engine/runtime/failpoint-list.ts';
import type { CellResult } from './cell.ts';
import { COLUMNS } from './columns.ts';
import type { Column } from './columns.ts';

/** One cell of the matrix with what came of it. */
export interface MatrixCell extends CellResult {
  readonly name: Failpoint;
  readonly column: Column;
}

/** `docs/crash-matrix.md`: what a whole run came to. */
export function matrixPage(
  cells: readonly MatrixCell[],
  run: { readonly startedAt: Date; readonly endedAt: Date; readonly node: string; readonly command: string },
): string {
  const reached = cells.filter(({ kills }) => kills > 0);
  const failed = cells.filter(({ broken }) => broken.length > 0);
  const kills = cells.reduce((sum, cell) => sum + cell.kills, 0);
  const minutes = Math.round((run.endedAt.getTime() - run.startedAt.getTime()) / 60_000);
  const cellOf = new Map(cells.map((cell) => [key(cell.name, cell.column), cell]));
  return [
    '# The crash matrix',
    '',
    'A job is killed by SIGKILL at each [failpoint](failpoints.md), by each method, decoder and kind of store; then ordinary jobs go on until one is complete, and source, reports and',
    'sink are compared. `npm run crash-matrix` does it all and writes this page; `npm test` does a part of it that has every failpoint by every method.',
    '',
    `* ${String(cells.length)} of ${String(Object.keys(FAILPOINTS).length * COLUMNS.length)} cells (${String(Object.keys(FAILPOINTS).length)} failpoints by ${String(COLUMNS.length)} ways to replicate), made by \`${run.command}\`; ${String(reached.length)} of them can be reached`,
    `* ${String(kills)} jobs killed`,
    `* **${String(failed.length)} cells failed**`,
    `* ${run.startedAt.toISOString().slice(0, 10)}, ${String(minutes)} minutes, Node ${run.node}, PostgreSQL 15 (wal2json) and 18`,
    '',
    'In each cell up to four jobs die: a first job in the midst of its hits, the one that recovers from it at its first hit, and the same again after the source has changed: rows added,',
    'updated, and (but for key-based replication, which cannot see it) deleted, keys changed, a table truncated. After each of the two rounds:',
    '',
    '1. the rows of the source are the rows of the objects that the reports name, newest per key; of a full copy, each once;',
    '2. no object is named twice, each is what its report says (rows, bytes, SHA-256);',
    '3. the sink has no object that no report names, and no unfinished upload;',
    '4. the slot is confirmed no further than the bookmark; this also right after each kill.',
    '',
    'A number is the jobs that were killed in a cell; `-`: a job of this kind never comes by, which is declared in `test/crash/ways.ts`; a failpoint that is not reached without being',
    'declared there fails, and so does one that is reached against its declaration. Empty: not a part of this run. The middle of a round without hits is skipped: a slot is created once. F: ledger and sink are folders; A: DynamoDB and S3 (emulated).',
    '',
    `| failpoint | ${COLUMNS.map(heading).join(' | ')} |`,
    `|---|${COLUMNS.map(() => '---|').join('')}`,
    ...(Object.keys(FAILPOINTS) as Failpoint[]).map(
      (name) => `| \`${name}\` | ${COLUMNS.map((column) => printed(cellOf.get(key(name, column)))).join(' | ')} |`,
    ),
    '',
    ...failed.map(({ name, column, broken }) => `* \`${name}\`, ${heading(column)}: ${broken.join('; ')}`),
    ...(failed.length > 0 ? [''] : []),
  ].join('\n');
}

function key(name: Failpoint, column: Column): string {
  return `${name} ${JSON.stringify(column)}`;
}

function heading({ method, log, store }: Column): string {
  const way = log === undefined ? method : `${log.plugin} ${log.consume}`;
  return `${way} ${store === 'folder' ? 'F' : 'A'}`;
}

function printed(cell: MatrixCell | undefined): string {
  if (cell === undefined) return '';
  if (cell.broken.length > 0) return '**failed**';
  return cell.kills === 0 ? '-' : String(cell.kills);
}
