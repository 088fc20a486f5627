import { afterAll, describe, expect, test } from 'vitest';
import { runChildJob } from '../support/child-job.ts';
import { createDatabase } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { hasWal2json } from '../support/wal2json.ts';
import { randomOf } from '../support/random.ts';
import { load, openTestWorkspace } from '../support/workspace.ts';
import type { JsonRow } from '../support/workspace.ts';
import type { LoadingReport } from '../../functions/engine/model/report.ts';
import { createTables, endSegments, randomEvent, randomTransaction } from './random-source.ts';

/** How many, and where the seeds begin: `BACKSTITCH_LOG_RUNS=200 BACKSTITCH_LOG_SEED=1 npx vitest run test/log/random.pg.test.ts`. By default another forty every day. */
const RUNS = Number(process.env['BACKSTITCH_LOG_RUNS'] ?? 40);
const FIRST_SEED = Number(process.env['BACKSTITCH_LOG_SEED'] ?? Math.floor(Date.now() / 86_400_000) * 40);

const SERVERS = [
  { major: 15, plugin: 'wal2json' },
  { major: 10, plugin: 'pgoutput' },
  { major: 14, plugin: 'pgoutput' },
  { major: 16, plugin: 'pgoutput' },
  { major: 17, plugin: 'pgoutput' },
  { major: 18, plugin: 'pgoutput' },
] as const;
/** Of each of two writers, at most: enough to run beside every job, and then to be read in a moment. */
const TRANSACTIONS = 400;
const STYLES = ['stream', 'peek'] as const;

const cases = Array.from({ length: RUNS }, (_, run) => {
  const seed = FIRST_SEED + run;
  const server = SERVERS[Math.floor(seed / STYLES.length) % SERVERS.length] ?? SERVERS[0];
  return { seed, ...server, consume: STYLES[seed % STYLES.length] ?? 'stream' };
});

describe('writers, structure changes, killed jobs: what reports name, folded, is the source', () => {
  const states: string[] = [];
  afterAll(() => {
    // A control: if no job was ever killed in its middle, the runs prove less than they say.
    if (cases.length >= 10) expect(states.filter((state) => state === '').length).toBeGreaterThan(0);
  });

  // Without wal2json its runs are reported as skipped: node scripts/install-wal2json.mjs installs it.
  const able = cases.filter((one) => one.plugin !== 'wal2json' || hasWal2json());
  test.skip.each(cases.filter((one) => !able.includes(one)))(
    'seed $seed on PostgreSQL $major, $plugin by $consume',
    () => undefined,
  );
  test.each(able)(
    'seed $seed on PostgreSQL $major, $plugin by $consume',
    { timeout: 300_000 },
    async ({ seed, major, plugin, consume }) => {
      const random = randomOf(seed);
      const abilities = { partitions: major >= 13, truncate: major >= 11 };
      await using db = await createDatabase(major, { sessionsAtEnd: 'any' });
      await createTables(db, abilities);
      await using ws = await openTestWorkspace(db, {
        lines: [
          'defaultReplicationMethod: LOG_BASED',
          'selectAll: true',
          `logBased: { plugin: ${plugin}, consume: ${consume}, slot: ${db.database} }`,
          'rangeBytes: 32768',
          'connections: 2',
        ],
        destination: ['rotateBytes: 50000', 'compression: none'],
      });

      let writing = true;
      const failures: unknown[] = [];
      const writers = [1, 2].map(async (writer) => {
        const client = await db.connect();
        const own = randomOf(seed * 7 + writer);
        for (let n = 0; writing && n < TRANSACTIONS; n += 1) await randomTransaction(client, own, abilities);
      });
      const changer = await db.connect();
      for (let job = 0; job < 4; job += 1) {
        // So that there is enough to read for a look at the types of columns, which messages are without then.
        if (plugin === 'wal2json' && random.below(2) === 0) await endSegments(changer, 2);
        const { state } = await runChildJob(ws.configPath, random.below(3) === 0 ? undefined : random.below(1_500));
        states.push(state);
        if (random.below(2) === 0) await randomEvent(changer, random, job, abilities);
      }
      writing = false;
      await Promise.all(writers).catch((error: unknown) => failures.push(error));
      expect(failures).toEqual([]);

      const ends: string[] = [];
      for (let job = 0; job < 4 && ends.slice(-2).join() !== 'complete,complete'; job += 1)
        ends.push((await runChildJob(ws.configPath)).state);

      const reports = await ws.reports();
      expect(
        ends.slice(-2),
        `states ${states.slice(-4).join(' ')} | ${ends.join(' ')}: ${errorsOf(reports)}\n${await sessionsOn(db)}`,
      ).toEqual(['complete', 'complete']);
      const loaded = await load(ws.folder, reports);
      for (const table of await tablesOf(db)) {
        const folded = fold(loaded.rows.get(`${db.database}.public.${table.name}`) ?? [], table);
        expect(
          differences(folded, await sourceOf(db, table), table),
          `${table.name}, seed ${String(seed)}\n${history(reports, table.name)}`,
        ).toEqual([]);
      }
    },
  );
});

/** What the last job failed with, for whoever has to find out why. */
function errorsOf(reports: readonly LoadingReport[]): string {
  const tables = reports.at(-1)?.tables ?? [];
  return tables.flatMap(({ stream, error }) => (error === null ? [] : [`${stream}: ${error.code}: ${error.message}`])).join('\n');
}

/** Who works on the server, and what each waits for: a slot is also held up by transactions of other databases. */
async function sessionsOn(db: TestDatabase): Promise<string> {
  const rows = await db.query(
    `select json_build_array(pid, datname, application_name, state, wait_event, backend_xid, clock_timestamp() - xact_start, left(query, 100))::text as session
     from pg_stat_activity where datname is not null order by xact_start`,
  );
  return rows.map((row) => row['session'] ?? '').join('\n');
}

interface SourceTable {
  readonly name: string;
  readonly key: readonly string[];
  readonly columns: readonly string[];
}

async function tablesOf(db: TestDatabase): Promise<readonly SourceTable[]> {
  const rows = await db.query(`
    select c.relname as name,
      (select json_agg(a.attname order by array_position(i.indkey::int2[], a.attnum)) from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey)
        where i.indrelid = c.oid and i.indisprimary)::text as key,
      (select json_agg(a.attname order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)::text as columns
    from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') ${db.major >= 10 ? 'and not c.relispartition' : ''} order by 1`);
  return rows.map((row) => ({
    name: row['name'] ?? '',
    key: JSON.parse(row['key'] ?? '[]') as string[],
    columns: JSON.parse(row['columns'] ?? '[]') as string[],
  }));
}

/** The newest row of each key, deletes applied. A value that a change did not have is the one before it. */
function fold(rows: readonly JsonRow[], { key, columns }: SourceTable): readonly JsonRow[] {
  const byKey = new Map<string, JsonRow[]>();
  for (const row of rows) {
    const id = JSON.stringify(key.map((column) => row[column]));
    const known = byKey.get(id);
    if (known === undefined) byKey.set(id, [row]);
    else known.push(row);
  }
  const newest: JsonRow[] = [];
  for (const changes of byKey.values()) {
    const inOrder = [...changes].sort((a, b) => Number(a['_sdc_sequence']) - Number(b['_sdc_sequence']));
    let now: JsonRow | undefined;
    for (const change of inOrder) now = change['_sdc_deleted_at'] === null ? { ...now, ...change } : undefined;
    // Columns that are gone stay in older rows, columns that came later are not in them.
    const row = now;
    if (row !== undefined) newest.push(Object.fromEntries(columns.map((column) => [column, row[column] ?? null])));
  }
  return sorted(newest, key);
}

async function sourceOf(db: TestDatabase, table: SourceTable): Promise<readonly JsonRow[]> {
  const rows = await db.query(`select to_json(t)::text as row from ${table.name} t`);
  return sorted(
    rows.map((row) => JSON.parse(row['row'] ?? 'null') as JsonRow),
    table.key,
  );
}

/** What each job said of a table. */
function history(reports: readonly LoadingReport[], name: string): string {
  return reports
    .flatMap((report) =>
      report.tables
        .filter((table) => table.table === name)
        .map(
          (table) =>
            `${report.state} ${table.state} version ${String(table.tableVersion)} active ${String(table.activeVersion)} rows ${String(table.rows)} ${table.error?.code ?? ''}`,
        ),
    )
    .join('\n');
}

/** The first rows that differ, large values cut short: what a failed run is looked into with. */
function differences(folded: readonly JsonRow[], source: readonly JsonRow[], { key }: SourceTable): readonly string[] {
  const id = (row: JsonRow): string => JSON.stringify(key.map((column) => row[column]));
  const short = (row: JsonRow | undefined): string =>
    JSON.stringify(row, (_, value: unknown) => (typeof value === 'string' ? value.slice(0, 40) : value));
  const ours = new Map(folded.map((row) => [id(row), row]));
  const theirs = new Map(source.map((row) => [id(row), row]));
  const different = [...new Set([...ours.keys(), ...theirs.keys()])].filter(
    (one) => JSON.stringify(ours.get(one)) !== JSON.stringify(theirs.get(one)),
  );
  if (different.length === 0) return [];
  return [
    `${String(different.length)} rows differ`,
    ...different.slice(0, 5).map((one) => `${short(ours.get(one))} is in the source ${short(theirs.get(one))}`),
  ];
}

function sorted(rows: readonly JsonRow[], key: readonly string[]): readonly JsonRow[] {
  const id = (row: JsonRow): string => JSON.stringify(key.map((column) => row[column]));
  return [...rows].sort((a, b) => (id(a) < id(b) ? -1 : 1));
}
