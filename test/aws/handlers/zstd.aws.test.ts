import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { configFile } from '../../../functions/contract.ts';
import { packConfig, unpackConfig } from '../../../functions/engine/config/packed-config.ts';
import type { StoredObject } from '../../../functions/engine/model/objects.ts';
import { decompressZstd, zstdFrames } from '../../sink/zstd.ts';
import { queryJsonLines } from '../../support/duckdb.ts';
import { createDatabase, newestMajor } from '../../support/postgres.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { newest } from '../../support/workspace.ts';
import type { JsonRow } from '../../support/workspace.ts';
import { denials, deploy } from '../run/replication.ts';
import type { Deployment } from '../run/replication.ts';

const ROWS = 30_000;
const MIB = 2 ** 20;
/** With a synthesis each, on machines that do other things too. */
const PATIENCE_MS = 300_000;

/** About 23 MB of JSON, much of which hardly compresses, and a table with what JSON has to escape. */
async function withRows(): Promise<TestDatabase> {
  const db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
  await db.query(`
    create table big (id bigint primary key, label text not null);
    insert into big select n, (select string_agg(md5(n::text || m), '') from generate_series(1, 16) m) from generate_series(1, ${String(ROWS)}) n;
    create table odd (id int primary key, label text);
    insert into odd values (1, null), (2, ''), (3, E'two\\nlines\\tand "quotes" \\\\ \\u0001'), (4, 'Grüße, 世界 😀'), (5, repeat('long ', 400000));
    analyze`);
  return db;
}

async function sourceRows(db: TestDatabase, table: string): Promise<readonly string[]> {
  const rows = await db.query(`select id || ' ' || coalesce(to_json(label)::text, 'null') as row from ${table}`);
  return rows.map(({ row }) => normal(row ?? '')).sort();
}

/** PostgreSQL and JavaScript escape some characters in different ways. */
function normal(row: string): string {
  const [, id = '', label = ''] = /^(\d+) (.*)$/s.exec(row) ?? [];
  return `${id} ${JSON.stringify(JSON.parse(label))}`;
}

function printed(rows: readonly JsonRow[]): readonly string[] {
  return newest(rows, 'id')
    .filter((row) => (row['_sdc_deleted_at'] ?? null) === null)
    .map((row) => `${String(row['id'])} ${JSON.stringify(row['label'])}`)
    .sort();
}

async function bytesOf({ account }: Deployment, key: string): Promise<Buffer> {
  const blobs = account.emulators.bucket.objects.get(key)?.blobs ?? [];
  return Buffer.concat(await Promise.all(blobs.map((blob) => blob.read())));
}

function rowsOf(json: Buffer): readonly JsonRow[] {
  const lines = json.toString('utf8').split('\n');
  expect(lines.pop()).toBe('');
  return lines.map((line) => JSON.parse(line) as JsonRow);
}

/** The bytes of an object and the rows in it, after all that report and bucket say of it was compared with them. */
async function readObject(shop: Deployment, object: StoredObject): Promise<{ stored: Buffer; rows: readonly JsonRow[] }> {
  expect(object.key).toMatch(/\.jsonl\.zst$/);
  const { headers } = shop.account.emulators.bucket.objects.get(object.key) ?? {};
  expect(headers).toMatchObject({ contentType: 'application/x-ndjson', contentEncoding: 'zstd' });
  const stored = await bytesOf(shop, object.key);
  const sha256 = createHash('sha256').update(stored).digest('hex');
  expect({ bytes: stored.length, sha256 }).toEqual({ bytes: object.bytes, sha256: object.sha256 });
  expect(zstdFrames(stored)).toMatchObject([{ bytes: stored.length, hasChecksum: true }]);
  const json = await decompressZstd(stored);
  const rows = rowsOf(json);
  expect({ rows: rows.length, jsonBytes: json.length }).toEqual({ rows: object.rows, jsonBytes: object.jsonBytes });
  return { stored, rows };
}

test(
  'zstd in Lambda: every object is one frame with a checksum, from which two readers get the rows of the source',
  async () => {
    await using db = await withRows();
    await using shop = await deploy(db, {
      destination: ['compression: zstd', 'rotateBytes: 16 MiB'],
      lines: [
        'connections: 2',
        'tables:',
        '  - { table: public.big, method: FULL_TABLE }',
        '  - { table: public.odd, method: FULL_TABLE }',
      ],
    });

    expect(await shop.account.fireSchedule().end).toMatchObject({ status: 'SUCCEEDED' });
    await shop.account.whenQuiet();

    const [report] = await shop.reports();
    expect(report).toMatchObject({
      state: 'complete',
      tables: [
        { table: 'big', rows: ROWS },
        { table: 'odd', rows: 5 },
      ],
    });
    // More than one object, of many pieces of a megabyte each and more than one part of an upload.
    const [first, ...others] = report?.tables[0]?.objects ?? [];
    expect(first?.jsonBytes).toBeGreaterThan(12 * MIB);
    expect(first?.bytes).toBeGreaterThan(5 * MIB);
    expect(others.length).toBeGreaterThan(0);
    const folder = await mkdtemp(join(tmpdir(), 'backstitch-zstd-'));
    try {
      for (const { table, objects } of report?.tables ?? []) {
        const rows: JsonRow[] = [];
        const files: string[] = [];
        for (const object of objects) {
          const read = await readObject(shop, object);
          rows.push(...read.rows);
          const file = join(folder, `${table}-${String(files.length)}.jsonl.zst`);
          await writeFile(file, read.stored);
          files.push(file);
        }
        const expected = await sourceRows(db, table);
        expect(printed(rows)).toEqual(expected);
        const byDuckDb = await queryJsonLines({
          files,
          columns: { id: 'bigint', label: 'varchar' },
          sql: 'select id, label from lines',
        });
        expect(printed(byDuckDb)).toEqual(expected);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
    expect(denials(shop)).toEqual([]);
  },
  PATIENCE_MS,
);

test(
  'from gzip to zstd: objects that are there stay, and a loader that goes by their endings has all rows',
  async () => {
    await using db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
    await db.query(`
      create table kept (id int primary key, label text not null, at timestamptz not null);
      insert into kept select n, 'gzip', now() - interval '2 hours' from generate_series(1, 100) n;
      analyze`);
    const tables = ['tables:', '  - { table: public.kept, method: INCREMENTAL, replicationKey: at }'];
    await using shop = await deploy(db, { lines: tables });
    expect(await shop.account.fireSchedule().end).toMatchObject({ status: 'SUCCEEDED' });
    await shop.account.whenQuiet();

    await useZstd(shop);
    await db.query(`
      update kept set label = 'zstd', at = now() - interval '1 hour' where id <= 10;
      insert into kept select n, 'zstd', now() - interval '1 hour' from generate_series(101, 120) n`);
    expect(await shop.account.start({}).end).toMatchObject({ status: 'SUCCEEDED' });
    await shop.account.whenQuiet();

    const objects = (await shop.reports()).map(({ tables }) => tables.flatMap((table) => table.objects));
    expect(objects.map((ofJob) => ofJob.map(({ key }) => key.replace(/^.*(?=\.jsonl)/, '')))).toEqual([
      ['.jsonl.gz'],
      ['.jsonl.zst'],
    ]);
    const rows: JsonRow[] = [];
    for (const object of objects.flat()) {
      if (object.key.endsWith('.gz')) rows.push(...rowsOf(gunzipSync(await bytesOf(shop, object.key))));
      else rows.push(...(await readObject(shop, object)).rows);
    }
    expect(printed(rows)).toEqual(await sourceRows(db, 'kept'));
  },
  PATIENCE_MS,
);

/** What a deployment with `compression: zstd` does to the functions: other code, and no sandbox that was warm. */
async function useZstd({ account }: Deployment): Promise<void> {
  const functions = Object.values(account.functions);
  for (const folder of new Set(functions.map(({ options }) => options.taskRoot))) {
    const file = join(folder, configFile);
    const { config, integration } = unpackConfig(await readFile(file, 'utf8'), folder);
    const changed = { ...config, destination: { ...config.destination, compression: 'zstd' as const } };
    await writeFile(file, packConfig(changed, integration.name).json);
  }
  for (const one of functions) await one.forgetWarm();
}
