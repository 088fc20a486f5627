import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import { compareWithDuckDb } from './scale/duckdb-check.ts';
import { compareInPostgres, preparePostgresCheck } from './scale/postgres-check.ts';
import { scaleCheck } from './scale/scale-check.ts';
import { scaleTables } from './scale/scale-tables.ts';
import { SOURCE_CLI } from './support/run-cli.ts';

const MEGABYTES = 20;

test(
  `a database of ${String(MEGABYTES)} MB with every type arrives as it is, says DuckDB and says PostgreSQL (scripts/scale-check.mts does the same with gigabytes)`,
  { timeout: 600_000 },
  async () => {
    await using db = await createDatabase(newestMajor);
    const folder = await mkdtemp(join(tmpdir(), 'backstitch-scale-'));
    try {
      const result = await scaleCheck({
        host: db.host,
        port: db.port,
        database: db.database,
        major: newestMajor,
        bytes: MEGABYTES * 1e6,
        folder,
        program: SOURCE_CLI,
        settings: ['rangeBytes: 1000000'],
        say: () => undefined,
      });

      expect(result.differences).toEqual([]);
      expect(result.databaseBytes).toBeGreaterThanOrEqual(MEGABYTES * 1e6);
      expect(result.report.tables.map(({ table, state }) => `${table} ${state}`).sort()).toEqual([
        'Key less "lines" complete',
        'events complete',
        'narrow complete',
        'wide complete',
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

test.each([
  ['a value', '"note 7\\t\\""', '"note 7\\t"'],
  ['a digit', '"n":8,', '"n":9,'],
  ['a null', '"n":8,', '"n":null,'],
  ['a member', '"n":8,', ''],
  ['a row', /\{"id":8,.*\n/, ''],
  ['a row that is there twice', /(\{"id":8,.*\n)/, '$1$1'],
] as const)('the comparison notices %s that is not as it was', async (_, from, to) => {
  await using db = await createDatabase(newestMajor);
  const folder = await mkdtemp(join(tmpdir(), 'backstitch-scale-'));
  try {
    const client = await db.connect();
    const narrow = scaleTables(newestMajor).find(({ name }) => name === 'narrow');
    if (narrow === undefined) throw new Error('no such table');
    for (const sql of narrow.create) await client.query(sql);
    await client.query(`insert into narrow ${narrow.rows}`, [1, 100]);
    const { rows } = await client.query<{ line: string }>(
      `select format('{"id":%s,"n":%s,"note":%s,"changed_at":"%s","_sdc_extracted_at":1,"_sdc_received_at":1,"_sdc_batched_at":1,"_sdc_sequence":1,"_sdc_table_version":1}', id, n, coalesce(to_json(note)::text, 'null'), to_char(changed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.USZ')) as line from narrow order by id`,
    );
    const text = `${rows.map(({ line }) => line).join('\n')}\n`;
    const [good, bad] = [join(folder, 'good.jsonl.gz'), join(folder, 'bad.jsonl.gz')];
    await writeFile(good, gzipSync(text));
    await writeFile(bad, gzipSync(text.replace(from, to)));
    expect(gunzipSync(await readFile(bad)).toString()).not.toBe(text);
    await preparePostgresCheck(client);

    expect(await compareWithDuckDb(client, narrow, [good])).toEqual([]);
    expect(await compareInPostgres(client, narrow, [good])).toEqual([]);
    const inPostgres = await compareInPostgres(client, narrow, [bad]).catch((error: unknown) => [error]);
    expect(inPostgres).not.toEqual([]);
    // A member that is absent reads as null.
    expect(await compareWithDuckDb(client, narrow, [bad])).not.toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
