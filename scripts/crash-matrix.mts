// Kills jobs at every failpoint, by every method, decoder and kind of store, and writes what came of it: `npm run crash-matrix`. Takes about half an hour on two cores.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Failpoint } from '../functions/engine/runtime/failpoint-list.ts';
import { runCell } from '../test/crash/cell.ts';
import { columnName } from '../test/crash/columns.ts';
import type { Column } from '../test/crash/columns.ts';
import { matrixPage } from '../test/crash/matrix-page.ts';
import type { MatrixCell } from '../test/crash/matrix-page.ts';
import type { Bench } from '../test/crash/scene.ts';
import { openStores } from '../test/crash/stores.ts';
import { everyMethod, wholeMatrix } from '../test/crash/subset.ts';
import { openTestServers } from '../test/crash/test-servers.ts';
import { hasWal2json } from '../test/support/wal2json.ts';

const { values } = parseArgs({
  options: {
    /** Only failpoints whose name contains this. */
    failpoint: { type: 'string', default: '' },
    /** Only columns whose name contains this, such as `pgoutput` or `aws`. */
    column: { type: 'string', default: '' },
    /** Only what `npm test` does: every failpoint by every method, decoders and stores in turns. */
    'every-method': { type: 'boolean', default: false },
    /** Cells at a time. */
    jobs: { type: 'string', default: '2' },
  },
});
const isWhole = values.failpoint === '' && values.column === '';
const command = `npm run crash-matrix${values['every-method'] ? ' -- --every-method' : ''}`;
if (!hasWal2json()) throw new Error('Columns of wal2json need it: node scripts/install-wal2json.mjs installs it.');

const startedAt = new Date();
const cells: MatrixCell[] = [];
{
  await using servers = await openTestServers();
  await using stores = await openStores();
  const bench: Bench = { stores, serverOf: servers.serverOf };
  const places = values['every-method'] ? everyMethod() : wholeMatrix();
  const queue = places.filter(
    ({ name, column }) => name.includes(values.failpoint) && columnName(column).includes(values.column),
  );
  const total = queue.length;
  await Promise.all(
    Array.from({ length: Number(values.jobs) }, async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const cell = await measured(bench, next.name, next.column);
        cells.push(cell);
        const outcome = cell.broken.length === 0 ? `${String(cell.kills)} kills` : `FAILED: ${cell.broken.join('; ')}`;
        console.error(`${String(cells.length)}/${String(total)} ${next.name} by ${columnName(next.column)}: ${outcome}`);
      }
    }),
  );
}

const failed = cells.filter(({ broken }) => broken.length > 0);
if (isWhole)
  await writeFile(
    'docs/crash-matrix.md',
    matrixPage(cells, { startedAt, endedAt: new Date(), node: process.versions.node, command }),
  );
const kills = cells.reduce((sum, cell) => sum + cell.kills, 0);
console.log(`${String(cells.length)} cells, ${String(kills)} jobs killed, ${String(failed.length)} cells failed.`);
process.exitCode = failed.length === 0 ? 0 : 1;

async function measured(bench: Bench, name: Failpoint, column: Column): Promise<MatrixCell> {
  try {
    return { name, column, ...(await runCell(bench, name, column)) };
  } catch (error) {
    return { name, column, kills: 0, broken: [error instanceof Error ? error.message : String(error)] };
  }
}
