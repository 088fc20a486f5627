import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DemoRequest } from '../../functions/cli/workspace.ts';
import { runDemo } from '../../functions/demo/demo.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../functions/demo/embedded-postgres.ts';
import { createShop } from '../../functions/demo/shop.ts';
import type { LoadingReport, TableReport } from '../../functions/engine/model/report.ts';
import { queryJsonLines } from '../support/duckdb.ts';
import { noLeaks } from '../support/leaks.ts';
import { createDatabase, eventually, newestMajor } from '../support/postgres.ts';

const signal = new AbortController().signal;
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'backstitch-demo-test-'));
});
afterEach(async () => rm(directory, { recursive: true }));

describe('the demo', () => {
  it('copies the shop, and then brings what changed', async () => {
    await using _ = await noLeaks();
    const said: string[] = [];

    const outcome = await runDemo(request({ say: (line) => said.push(line) }));

    expect(outcome.reports.map(({ state }) => state)).toEqual(['complete', 'complete']);
    const [first, second] = outcome.reports.map(byTable) as [Tables, Tables];
    expect(Object.keys(first)).toHaveLength(10);
    expect(first.orders).toMatchObject({ method: 'INCREMENTAL', rows: 60_000, state: 'complete' });
    expect(first.daily_sales?.rows).toBeGreaterThan(100);
    expect(second.events).toMatchObject({ method: 'INCREMENTAL', rows: 2_000, newVersion: false });
    expect(second.orders?.rows).toBeGreaterThan(500);
    expect(second.orders?.rows).toBeLessThan(2_000);
    expect(second.customers).toMatchObject({ method: 'FULL_TABLE', rows: 10_050, newVersion: true });
    expect(first.payments).toMatchObject({ method: 'LOG_BASED', state: 'complete', newVersion: true });
    expect(second.payments).toMatchObject({ method: 'LOG_BASED', state: 'complete', newVersion: false });
    expect(second.payments?.updates).toBeGreaterThan(100);
    const files = join(outcome.output, 'shop', 'orders', '*', '*.jsonl.gz');
    const sql = `select count(*) as rows, count(distinct id) as orders, count(gift_message) as gifts, count(*) filter (note like '%🙂%') > 0 as emoji from lines`;
    const columns = { id: 'BIGINT', gift_message: 'VARCHAR', note: 'VARCHAR' };
    expect(await queryJsonLines({ files, columns, sql })).toEqual([
      { rows: `${60_000 + (second.orders?.rows ?? 0)}`, orders: '60495', gifts: '165', emoji: true },
    ]);
    expect(said.join('\n')).toContain('Second job');
    expect(outcome.lookInto).toHaveLength(3);
    // Nothing of the server stays.
    expect((await readdir(directory)).sort()).toEqual(['.backstitch-demo', 'backstitch.yaml', 'out', 'state']);
  });

  it("copies the tables of one's own database and keeps the password out of every file and line", async () => {
    await using database = await createDatabase(newestMajor);
    await database.query(
      `create table "Weird ""Name""" as select i as id from generate_series(1, 1000) as i; create schema other; create table other.t as select 'a' as a; create view v as select 1 as a`,
    );
    const said: string[] = [];

    const outcome = await runDemo(
      request({ source: database.url.replace('postgres@', 'postgres:hunter2@'), say: (line) => said.push(line) }),
    );

    expect(outcome.reports.map(({ state }) => state)).toEqual(['complete']);
    expect(outcome.reports[0]?.tables.map(({ destinationTable, rows }) => [destinationTable, rows]).sort()).toEqual([
      ['other__t', 1],
      ['public__weird__name_', 1000],
    ]);
    expect(said.join('\n')).not.toContain('hunter2');
    expect(await textsBelow(directory)).not.toContain('hunter2');
    expect(await database.query(`select count(*) from pg_class where relnamespace = 'public'::regnamespace`)).toEqual([
      { count: '2' },
    ]);
  });

  it('ends before it writes anything when the address is wrong', async () => {
    await expect(runDemo(request({ source: 'postgres://' }))).rejects.toMatchObject({ code: 'demo-source-invalid' });
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('the shop', () => {
  it('has the same rows each time', async () => {
    await using server = await startEmbeddedPostgres({ directory: join(directory, 'postgres'), say: () => undefined, signal });
    const digests = [];
    for (const database of ['a', 'b']) {
      await withClient(server, 'postgres', (client) => client.query(`create database ${database}`));
      digests.push(
        await withClient(server, database, async (client) => {
          await createShop(client, `reader_${database}`);
          const { rows } = await client.query<{ readonly name: string }>(
            `select oid::regclass as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') order by 1`,
          );
          const digestOf = (name: string) =>
            client.query<{ readonly digest: string }>(
              `select md5(string_agg(t::text, '|' order by t::text)) as digest from ${name} as t`,
            );
          const found = [];
          for (const { name } of rows) found.push([name, (await digestOf(name)).rows[0]?.digest]);
          return found;
        }),
      );
    }
    expect(digests[0]).toHaveLength(12);
    expect(digests[0]).toEqual(digests[1]);
  });
});

describe('the embedded server', () => {
  it.each([
    ['can be reached by all', 0o711],
    ["is root's own", 0o700],
  ])('starts in a folder that %s, and leaves neither process nor data', async (_name, mode) => {
    await using _ = await noLeaks();
    await chmod(directory, mode);
    const home = join(directory, 'postgres');
    let port: number;
    {
      await using server = await startEmbeddedPostgres({ directory: home, say: () => undefined, signal });
      port = server.port;
      expect(await answers(port)).toBe(true);
    }
    expect(await answers(port)).toBe(false);
    await expect(access(home)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('gives up when it is told to while it starts', async () => {
    await using _ = await noLeaks();
    const abort = new AbortController();
    const say = (): void => {
      abort.abort(new Error('enough'));
    };
    await expect(startEmbeddedPostgres({ directory: join(directory, 'postgres'), say, signal: abort.signal })).rejects.toThrow(
      'enough',
    );
    expect(await readdir(directory)).toEqual([]);
  });

  it.each([
    ['can be reached by all', 0o711],
    ["is root's own", 0o700],
  ])('ends what a killed demo left running in a folder that %s', async (_name, mode) => {
    await chmod(directory, mode);
    const home = join(directory, 'postgres');
    const module = pathToFileURL(join(import.meta.dirname, '../../functions/demo/embedded-postgres.ts')).href;
    const script = `const { startEmbeddedPostgres } = await import(${JSON.stringify(module)});
      const server = await startEmbeddedPostgres({ directory: ${JSON.stringify(home)}, say: () => {}, signal: new AbortController().signal });
      console.log(server.port); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: join(import.meta.dirname, '../..'),
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const port = Number(line.toString());
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await answers(port)).toBe(true);

    await using server = await startEmbeddedPostgres({ directory: home, say: () => undefined, signal });

    expect(await answers(server.port)).toBe(true);
    if (server.port !== port) await eventually('the old server is gone', async () => !(await answers(port)));
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends with a process that leaves on %s', async (kill) => {
    await chmod(directory, 0o711);
    const home = join(directory, 'postgres');
    const module = pathToFileURL(join(import.meta.dirname, '../../functions/demo/embedded-postgres.ts')).href;
    const script = `process.on('${kill}', () => process.exit(1));
      const { startEmbeddedPostgres } = await import(${JSON.stringify(module)});
      const server = await startEmbeddedPostgres({ directory: ${JSON.stringify(home)}, say: () => {}, signal: new AbortController().signal });
      console.log(server.port); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: join(import.meta.dirname, '../..'),
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    child.kill(kill);
    await once(child, 'exit');
    await eventually('the server ends', async () => !(await answers(Number(line.toString()))));
    await eventually('its files are let go', () =>
      access(join(home, 'data', 'postmaster.pid')).then(
        () => false,
        () => true,
      ),
    );
  });
});

type Tables = Readonly<Record<string, TableReport>>;

function byTable(report: LoadingReport | undefined): Tables {
  return Object.fromEntries((report?.tables ?? []).map((table) => [table.table, table]));
}

function request(parts: Partial<DemoRequest>): DemoRequest {
  return { directory, say: () => undefined, progress: () => undefined, stop: signal, abort: signal, ...parts };
}

async function withClient<T>(server: EmbeddedPostgres, database: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ host: server.host, port: server.port, user: server.user, database });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const isOpen = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isOpen;
}

async function textsBelow(path: string): Promise<string> {
  const files = (await readdir(path, { recursive: true, withFileTypes: true })).filter(
    (entry) => entry.isFile() && !entry.name.endsWith('.gz'),
  );
  return (await Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')))).join('\n');
}
