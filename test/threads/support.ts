import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { LocalOptions } from '../../functions/local.ts';
import { bundled } from '../support/bundle.ts';
import type { TestDatabase } from '../support/postgres.ts';

/** The engine with threads, however small the tables are. */
export async function withThreads(cores: number): Promise<Partial<LocalOptions>> {
  return { cores, bytesPerThread: 1, threadEntry: pathToFileURL(await bundled('functions/threads/entry.ts')) };
}

/** A thread that runs this text in place of ours. `folder` keeps it. */
export async function strangeThread(folder: string, text: string): Promise<URL> {
  const path = join(folder, 'strange-thread.mjs');
  await writeFile(path, text);
  return pathToFileURL(path);
}

/** A table that is copied in some ten ranges. */
export async function fillItems(db: TestDatabase, rows = 20_000): Promise<void> {
  await db.query(`
    create table items (id bigint primary key, label text not null);
    insert into items select n, 'item ' || n || repeat('x', 200) from generate_series(1, ${String(rows)}) n;
    analyze items`);
}

export const ITEMS = ['connections: 4', 'rangeBytes: 524288', 'tables: [{ table: public.items, method: FULL_TABLE }]'];
