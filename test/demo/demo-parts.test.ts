import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../functions/engine/config/load.ts';
import type { Catalog, Table } from '../../functions/engine/model/catalog.ts';
import { selectBySize, SHOP_SELECTION, writeDemoConfig } from '../../functions/demo/demo-config.ts';
import { openDemoFolder } from '../../functions/demo/demo-folder.ts';
import { parseSourceUrl } from '../../functions/demo/source-url.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'backstitch-demo-test-'));
});
afterEach(async () => rm(directory, { recursive: true }));

describe('the address under --source', () => {
  it.each([
    [
      'postgres://me@db.example/shop',
      { host: 'db.example', port: 5432, database: 'shop', user: 'me', password: undefined, ssl: { mode: 'require' } },
    ],
    [
      'postgresql://me:p%40ss%2Fword@localhost:5433/my%20db',
      { host: 'localhost', port: 5433, database: 'my db', user: 'me', password: 'p@ss/word', ssl: { mode: 'disable' } },
    ],
    [
      'postgres://me@[::1]/shop',
      { host: '::1', port: 5432, database: 'shop', user: 'me', password: undefined, ssl: { mode: 'disable' } },
    ],
    [
      'postgres://me@127.0.0.1?sslmode=require',
      { host: '127.0.0.1', port: 5432, database: 'me', user: 'me', password: undefined, ssl: { mode: 'require' } },
    ],
    [
      'postgres://me@db/shop?sslmode=verify-full&sslrootcert=ca.pem',
      { host: 'db', port: 5432, database: 'shop', user: 'me', password: undefined, ssl: { mode: 'verify-full', ca: 'ca.pem' } },
    ],
    [
      'postgres://me@/shop?host=/run/postgresql&port=6000',
      { host: '/run/postgresql', port: 6000, database: 'shop', user: 'me', password: undefined, ssl: { mode: 'disable' } },
    ],
    [
      'postgres://me@db/shop?sslmode=prefer',
      { host: 'db', port: 5432, database: 'shop', user: 'me', password: undefined, ssl: { mode: 'require' } },
    ],
  ])('is read as libpq does: %s', (url, expected) => {
    expect(parseSourceUrl(url)).toEqual(expected);
  });

  it.each([
    ['hunter2', 'not a postgres:// URL'],
    ['mysql://me:hunter2@db/shop', 'not a postgres:// URL'],
    ['postgres://me:hunter2@/shop', 'names no host'],
    ['postgres://:hunter2@db/shop', 'names no user'],
    ['postgres://me:hunter2%@db/shop', 'its password has a %'],
    ['postgres://me:hunter2@db/shop?sslmode=maybe', 'its sslmode is none of'],
    ['postgres://me:hunter2@db/shop?port=0', 'its port'],
  ])('is refused without being repeated: %s', (url, reason) => {
    expect(() => parseSourceUrl(url)).toThrow(reason);
    expect(() => parseSourceUrl(url)).not.toThrow(/hunter2/);
  });
});

describe('the folder of the demo', () => {
  it('is made, and emptied of an earlier demo', async () => {
    const root = join(directory, 'new', 'demo');
    const folder = await openDemoFolder(root);
    await writeFile(join(folder.output, 'old.jsonl'), '');
    await openDemoFolder(root);
    expect((await readdir(root)).sort()).toEqual(['.backstitch-demo', 'out']);
    expect(await readdir(folder.output)).toEqual([]);
  });

  it('is refused, untouched, when it holds something else', async () => {
    await mkdir(join(directory, 'out'));
    await writeFile(join(directory, 'out', 'precious'), '');
    await expect(openDemoFolder(directory)).rejects.toMatchObject({ code: 'demo-folder-taken' });
    expect(await readdir(join(directory, 'out'))).toEqual(['precious']);
  });

  it('is refused when it is a file', async () => {
    await writeFile(join(directory, 'file'), '');
    await expect(openDemoFolder(join(directory, 'file'))).rejects.toMatchObject({ code: 'demo-folder-taken' });
  });
});

describe('the configuration of the demo', () => {
  it.each([
    ['the shop', 'postgres://backstitch@127.0.0.1:4000/shop', SHOP_SELECTION],
    ['a database with TLS', 'postgres://me:hunter2@db.example/shop?sslmode=verify-full', [{ table: 'public.a' }]],
    ['a socket', 'postgres://me:hunter2@/shop?host=/run/postgresql', []],
  ])('is valid for %s and holds no password', async (_name, url, tables) => {
    const folder = await openDemoFolder(join(directory, 'demo'));
    await writeDemoConfig(folder, { name: 'shop', source: parseSourceUrl(url), tables, includeSchemaInTableName: false });
    const { config } = await loadConfig(folder.configPath, AbortSignal.timeout(5_000));
    expect(config.integrations[0]?.tables).toHaveLength(tables.length);
    expect(config.destination.location).toEqual({ kind: 'file', folder: folder.output });
    expect(await readFile(folder.configPath, 'utf8')).not.toContain('hunter2');
  });

  it('takes the smaller tables of an unknown database, up to a size', () => {
    const selection = selectBySize(
      catalogOf([
        table('big', 900),
        table('view', 0, 'view'),
        table('small', 10),
        table('Weird "Name"', 100),
        table('huge', 5000),
      ]),
      { bytes: 1000, tables: 3 },
    );
    expect(selection).toEqual({
      tables: [{ table: 'public.small' }, { table: 'public."Weird ""Name"""' }],
      totalBytes: 110,
      leftOut: ['public.big', 'public.huge'],
    });
  });
});

function table(name: string, bytes: number, kind: Table['kind'] = 'table'): Table {
  return {
    name: { database: 'shop', schema: 'public', table: name },
    oid: 1,
    kind,
    columns: [],
    primaryKey: [],
    replicaIdentity: 'default',
    bytes,
    storage: [],
    rowSecurity: false,
  };
}

function catalogOf(tables: readonly Table[]): Catalog {
  return {
    server: { version: 150_000, inRecovery: false },
    databases: [{ state: 'read', name: 'shop', tables }],
    at: '2026-01-01T00:00:00Z',
  };
}
