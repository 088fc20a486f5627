import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createDatabase, newestMajor } from '../../support/postgres.ts';
import { answers, denials, deploy, eventsOf } from './replication.ts';
import { isObject } from '../harness/json.ts';
import { BIG, BIG_ROWS, RANGED, SMALL, loadedRows, sourceRows, withBig } from './source.ts';

/** With a synthesis each, on machines that do other things too. */
const PATIENCE_MS = 300_000;
/** Of the bundle, unpacked, as issue and deployment guide promise. */
const BUNDLE_LIMIT_BYTES = 1.5e6;

test(
  'a copy takes several invocations of each worker and arrives whole, with the rights that the template gives',
  async () => {
    await using db = await withBig();
    await using shop = await deploy(db, { lines: [...RANGED, 'tables:', BIG, SMALL] }, { timeoutSeconds: { work: 2 } });
    const { functions } = shop.account;
    functions.plan.throttle(1);

    const execution = shop.account.fireSchedule();

    expect(await execution.end).toMatchObject({ status: 'SUCCEEDED' });
    await shop.account.whenQuiet();
    const reports = await shop.reports();
    expect(reports).toMatchObject([{ state: 'complete', trigger: 'schedule', tables: [{ rows: BIG_ROWS }, { rows: 100 }] }]);
    const loaded = await shop.load();
    for (const table of ['big', 'small']) expect(loadedRows(loaded, db, table), table).toEqual(await sourceRows(db, table));
    expect(answers(functions.plan)).toEqual(['started']);
    expect(answers(functions.work).filter((state) => state === 'more').length).toBeGreaterThanOrEqual(2);
    const workers = new Set(functions.work.invocations.map(({ input }) => (isObject(input) ? input['worker'] : null)));
    expect([...workers].sort()).toEqual(['w0', 'w1']);
    expect(answers(functions.report)).toEqual(['complete']);
    expect(denials(shop)).toEqual([]);
    expect(eventsOf(shop, 'Job Finished')).toMatchObject([
      { integration_name: 'shop', state: 'complete', num_rows: BIG_ROWS + 100 },
    ]);
    expect(eventsOf(shop, 'Table Loaded').length).toBeGreaterThanOrEqual(1);

    const files = await readdir(shop.codeFolder);
    const bytes = (await Promise.all(files.map(async (name) => (await stat(join(shop.codeFolder, name))).size))).reduce(
      (a, b) => a + b,
      0,
    );
    const cold = Object.values(functions).flatMap(({ coldStartsMs }) => coldStartsMs.map(Math.round));
    console.log(
      `bundle ${(bytes / 1e6).toFixed(2)} MB; start of Node.js and import in ms: ${cold.join(', ')}; history ${execution.history.length} events`,
    );
    expect(bytes).toBeLessThan(BUNDLE_LIMIT_BYTES);
  },
  PATIENCE_MS,
);

test(
  'log-based: the second job brings the changes since the first; the watchdog sees the slot and asks for nothing it may not',
  async () => {
    await using db = await withBig(1_000);
    await using shop = await deploy(db, {
      lines: [
        `logBased: { plugin: pgoutput, slot: ${db.database} }`,
        'tables:',
        '  - { table: public.small, method: LOG_BASED }',
      ],
    });
    expect(await shop.account.fireSchedule().end).toMatchObject({ status: 'SUCCEEDED' });
    await db.query(
      `update small set label = 'changed' where id <= 3; delete from small where id = 4; insert into small values (200, 'new')`,
    );
    await shop.account.fireWatch();
    expect(await shop.account.start({ trigger: 'schedule' }).end).toMatchObject({ status: 'SUCCEEDED' });
    await shop.account.whenQuiet();

    const [first, second] = await shop.reports();
    expect(first).toMatchObject({ state: 'complete', tables: [{ rows: 100, newVersion: true }] });
    expect(second).toMatchObject({ state: 'complete', tables: [{ inserts: 1, updates: 3, deletes: 1, newVersion: false }] });
    expect(loadedRows(await shop.load(), db, 'small')).toEqual(await sourceRows(db, 'small'));
    const { metrics } = (
      shop.account.functions.watch.invocations[0]?.result as unknown as { readonly payload: { readonly metrics: object } }
    ).payload;
    expect(metrics).toMatchObject({ WatchFailed: 0, SlotsLost: 0, WalRetainedBytes: expect.any(Number) });
    expect(denials(shop)).toEqual([]);
  },
  PATIENCE_MS,
);

test(
  'a table that cannot be read costs the others nothing: the job is partial and the execution ends green',
  async () => {
    await using db = await withBig(1_000);
    await db.query(`create view broken as select id, 1 / (id - id) as label from small`);
    await using shop = await deploy(db, {
      lines: ['tables:', BIG, '  - { view: public.broken, method: FULL_TABLE, primaryKey: [id] }'],
    });
    expect(await shop.account.fireSchedule().end).toMatchObject({ status: 'SUCCEEDED' });
    await shop.account.whenQuiet();

    const [report] = await shop.reports();
    expect(report).toMatchObject({ state: 'partial' });
    expect(report?.tables.map(({ table, state }) => `${table} ${state}`)).toEqual(['big complete', 'broken failed']);
    expect(loadedRows(await shop.load(), db, 'big')).toEqual(await sourceRows(db, 'big'));
    expect(eventsOf(shop, 'Job Finished')).toMatchObject([{ state: 'partial', num_tables_failed: 1 }]);
    expect(denials(shop)).toEqual([]);
  },
  PATIENCE_MS,
);

test(
  'a job that is refused ends red, with its report',
  async () => {
    await using db = await createDatabase(newestMajor);
    await using shop = await deploy(db, { lines: ['tables: [{ table: public.nothing, method: FULL_TABLE }]'] });
    const end = await shop.account.fireSchedule().end;
    await shop.account.whenQuiet();

    const [report, ...others] = await shop.reports();
    expect(end).toMatchObject({ status: 'FAILED', error: 'JobFailed', cause: report?.error?.code });
    expect(report).toMatchObject({ state: 'failed', tables: [] });
    expect(others).toEqual([]);
    expect(answers(shop.account.functions.work)).toEqual([]);
    expect(denials(shop)).toEqual([]);
  },
  PATIENCE_MS,
);
