import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runChildJob } from '../support/child-job.ts';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import { randomOf } from '../support/random.ts';
import { load, newest, openTestWorkspace } from '../support/workspace.ts';

const KILLS = 20;

test(
  `killed at ${String(KILLS)} random moments and run again, a job loses nothing and its reports name nothing twice`,
  { timeout: 600_000 },
  async () => {
    await using db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
    await db.query(`
    create table big (id bigint primary key, label text not null, updated_at timestamptz not null default clock_timestamp());
    create table keyed (id bigint primary key, label text not null, updated_at timestamptz not null default clock_timestamp());
    create index on keyed (updated_at);
    create table keyless (n int);
    insert into big select n, 'big ' || n || repeat('x', 200) from generate_series(1, 40000) n;
    insert into keyed select n, 'keyed ' || n from generate_series(1, 20000) n;
    insert into keyless select n from generate_series(1, 20000) n;
    analyze`);
    await using ws = await openTestWorkspace(db, {
      lines: [
        'rangeBytes: 262144',
        'connections: 2',
        'tables:',
        '  - { table: public.big, method: FULL_TABLE }',
        '  - { table: public.keyed, method: INCREMENTAL, replicationKey: updated_at }',
        '  - { table: public.keyless, method: FULL_TABLE }',
      ],
      destination: ['rotateBytes: 200000'],
    });
    const seed = 20_261_122;
    const random = randomOf(seed);
    let fullMs = 3_000;

    const states: string[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      const { state, workedMs } = await runChildJob(ws.configPath, random.next() * fullMs);
      states.push(state);
      if (state === 'complete') fullMs = Math.max(200, workedMs);
      await db.query(`update keyed set label = label || '+', updated_at = clock_timestamp() where id % 1000 = ${String(kill)}`);
    }
    const last = await runChildJob(ws.configPath);

    expect(last.state, `seed ${String(seed)}: ${states.join(' ')}`).toBe('complete');
    expect(states.filter((state) => state === '').length).toBeGreaterThan(5);
    const loaded = await load(ws.folder, await ws.reports());
    const expected = async (table: string): Promise<readonly string[]> =>
      (await db.query(`select id || ' ' || label as row from ${table} order by id`)).map((row) => row.row ?? '');
    const rowsOf = (table: string) => loaded.rows.get(`${db.database}.public.${table}`) ?? [];
    const printed = (rows: ReturnType<typeof rowsOf>) =>
      [...rows].sort((a, b) => Number(a['id']) - Number(b['id'])).map((row) => `${String(row['id'])} ${String(row['label'])}`);
    expect(printed(rowsOf('big'))).toEqual(await expected('big'));
    expect(printed(newest(rowsOf('keyed'), 'id'))).toEqual(await expected('keyed'));
    expect(
      rowsOf('keyless')
        .map((row) => Number(row['n']))
        .sort((a, b) => a - b),
    ).toEqual(Array.from({ length: 20_000 }, (_, n) => n + 1));
    // What the killed jobs left and no commit names is gone.
    const objects: string[] = [];
    for (const table of ['big', 'keyed', 'keyless']) {
      for (const entry of await readdir(join(ws.folder, 'out', 'shop', table), { recursive: true, withFileTypes: true })) {
        if (entry.isFile() && !entry.name.startsWith('_table'))
          objects.push(join(entry.parentPath, entry.name).slice(join(ws.folder, 'out').length + 1));
      }
    }
    expect(objects.filter((key) => !loaded.keys.has(key))).toEqual([]);
  },
);
