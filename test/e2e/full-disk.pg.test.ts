import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import { load, openTestWorkspace } from '../support/workspace.ts';
import { attemptRun } from './support/attempt.ts';
import { openSmallDisk } from './support/small-disk.ts';

test.each([
  ['that has a disk of its own', false],
  ['that shares its disk with the state', true],
])('a destination %s, which is full, ends the job and says so; with more room the next run goes on', async (_, isShared) => {
  await using disk = await openSmallDisk(1_500_000);
  await using db = await createDatabase(newestMajor);
  await db.query(`
    create table items (id bigint primary key, label text not null);
    insert into items select n, md5(n::text) || md5((n * 3)::text) from generate_series(1, 60000) n;
    analyze items`);
  await using ws = await openTestWorkspace(db, {
    lines: ['rangeBytes: 1000000', 'connections: 1', 'tables: [{ table: public.items, method: FULL_TABLE }]'],
    destination: ['rotateBytes: 200000'],
  });
  const text = (await readFile(ws.configPath, 'utf8')).replace('file:./out', `file:${disk.folder}/out`);
  await writeFile(ws.configPath, isShared ? text.replace('file:./state', `file:${disk.folder}/state`) : text);
  await symlink(join(disk.folder, 'out'), join(ws.folder, 'out'));

  const full = await attemptRun(ws);
  await disk.grow(50_000_000);
  const next = await attemptRun(ws);

  expect(full).toMatchObject({ exitCode: 1, error: { code: 'sink-full' }, report: { state: 'failed' } });
  expect(full.error?.message).toContain(`file:${disk.folder}/out`);
  expect(full.error?.remedy).toContain('the next run continues');
  expect(full.report?.tables[0]).toMatchObject({ state: 'copying', activeVersion: null });
  expect(next).toMatchObject({ exitCode: 0, report: { state: 'complete', tables: [{ state: 'complete', newVersion: true }] } });
  expect(next.report?.tables[0]?.tableVersion).toBe(full.report?.tables[0]?.tableVersion);
  // What the full disk let in before its end is not read again.
  expect(full.report?.tables[0]?.rows).toBeGreaterThan(0);
  expect(next.report?.tables[0]?.rows).toBe(60_000 - (full.report?.tables[0]?.rows ?? 0));
  const { rows } = await load(ws.folder, await ws.reports());
  const [loaded = []] = rows.values();
  expect(new Set(loaded.map((row) => row['id'])).size).toBe(60_000);
  expect(loaded.length).toBe(60_000);
});
