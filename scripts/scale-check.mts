// Proves at scale that what comes out is what went in: `npx tsx scripts/scale-check.mts --gigabytes 1`. Takes a few minutes and about six times the size on disk.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { startEmbeddedPostgres } from '../functions/demo/embedded-postgres.ts';
import { scaleCheck } from '../test/e2e/scale/scale-check.ts';
import type { ScaleResult } from '../test/e2e/scale/scale-check.ts';
import { BUILT_CLI, SOURCE_CLI } from '../test/e2e/support/run-cli.ts';

const { values } = parseArgs({
  options: {
    /** Of 2^30 bytes, on the disk of the server. */
    gigabytes: { type: 'string', default: '1' },
    /** Where everything is kept while it runs: a folder that holds nothing else. */
    directory: { type: 'string' },
    /** Runs dist/ instead of the sources. */
    built: { type: 'boolean', default: false },
    /** `connections` of the integration. */
    connections: { type: 'string', default: '4' },
    /** `rangeBytes` of the integration, in 2^20 bytes: larger tables are copied in ranges, side by side. */
    'range-megabytes': { type: 'string', default: '64' },
  },
});
const gigabytes = Number(values.gigabytes);
if (!(gigabytes > 0)) throw new TypeError('--gigabytes takes a number above 0');
const say = (line: string): void => console.error(line);
const folder = values.directory ?? (await mkdtemp(join(tmpdir(), 'backstitch-scale-')));

await using server = await startEmbeddedPostgres({
  directory: join(folder, 'server'),
  say,
  signal: new AbortController().signal,
});
const { host, port, user } = server;
const admin = new pg.Client({ host, port, user, database: 'postgres' });
await admin.connect();
await admin.query('create database scale template template0');
await admin.end();
try {
  const result = await scaleCheck({
    host,
    port,
    database: 'scale',
    major: Number.parseInt(server.version, 10),
    bytes: gigabytes * 2 ** 30,
    folder: join(folder, 'run'),
    program: values.built ? BUILT_CLI : SOURCE_CLI,
    settings: [`connections: ${values.connections}`, `rangeBytes: ${String(Number(values['range-megabytes']) * 2 ** 20)}`],
    say,
  });
  print(result);
  if (result.differences.length > 0) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

function print({ databaseBytes, report, seconds, peakBytes, differences }: ScaleResult): void {
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  const sum = (of: (table: (typeof report.tables)[number]) => number): number =>
    report.tables.reduce((total, table) => total + of(table), 0);
  console.table(
    Object.fromEntries(
      report.tables.map((table) => [
        table.table,
        {
          method: table.method,
          rows: table.rows,
          'JSON MB': megabytes(table.jsonBytes),
          'stored MB': megabytes(table.bytes),
          objects: table.objects.length,
          differences: differences.filter(({ what }) => what.startsWith(table.table)).length,
        },
      ]),
    ),
  );
  const json = sum((table) => table.jsonBytes);
  console.table({
    'database, MB': megabytes(databaseBytes),
    rows: sum((table) => table.rows),
    'JSON, MB': megabytes(json),
    seconds: seconds.toFixed(1),
    'JSON MB/s': (json / 1e6 / seconds).toFixed(1),
    'database MB/s': (databaseBytes / 1e6 / seconds).toFixed(1),
    'peak resident memory, MB': megabytes(peakBytes),
    differences: differences.length,
  });
  for (const { what, count } of differences) console.log(`differs: ${what} (${String(count)})`);
}
