import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { toOpenSsh } from '../../functions/engine/source/postgres/openssh-key.ts';
import { configureConnection } from '../connections/support.ts';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { startProxy } from '../support/proxy.ts';
import { untilComplete } from '../faults/support/run-engine.ts';
import { load, newest, openTestWorkspace } from '../support/workspace.ts';
import { startSshd } from './sshd.ts';
import { startSshServer } from './ssh-server.ts';
import { hasProgram } from '../support/programs.ts';

const ROWS = 30_000;
const LINES = ['tables:', '  - { table: public.items, method: FULL_TABLE }', 'rangeBytes: 262144', 'connections: 3'];

async function withItems(): Promise<TestDatabase> {
  const db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
  await db.query(`
    create table items (id bigint primary key, label text not null);
    insert into items select n, 'item ' || n || repeat('x', 100) from generate_series(1, ${String(ROWS)}) n;
    analyze items`);
  return db;
}

function connectionOf(db: TestDatabase, ssh: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { host, port, database } = db;
  return { host, port, database, databases: [database], user: 'postgres', ssl: { mode: 'disable' }, ssh };
}

test.skipIf(!hasProgram('ssh-keygen'))(
  'a tunnel that is cut again and again in mid-copy costs time and nothing else',
  async () => {
    await using db = await withItems();
    await using server = await startSshServer();
    await using proxy = await startProxy(server);
    await using ws = await openTestWorkspace(db, { lines: LINES });
    const { privateKey } = toOpenSsh(generateKeyPairSync('ed25519').privateKey, '');
    await writeFile(join(ws.folder, 'key'), privateKey, { mode: 0o600 });
    const ssh = {
      host: proxy.host,
      port: proxy.port,
      user: 'tester',
      privateKey: { file: './key' },
      hostKey: server.fingerprint,
    };
    await configureConnection(ws, connectionOf(db, ssh), LINES);
    await using workspace = await ws.open();
    const never = new AbortController().signal;
    const cuts: number[] = [];
    let rows = 0;

    const outcome = await workspace.run('shop', {
      trigger: 'manual',
      progress: (event) => {
        if (event.kind !== 'rows') return;
        rows += event.rows;
        if (rows < (cuts.length + 1) * 8_000 || cuts.length === 2) return;
        cuts.push(rows);
        proxy.cut();
      },
      stop: never,
      abort: never,
    });

    expect(outcome).toMatchObject({
      state: 'finished',
      report: { state: 'complete', tables: [{ state: 'complete', rows: ROWS }] },
    });
    expect(cuts).toHaveLength(2);
    expect(server.logins).toBeGreaterThan(cuts.length);
    expect(ws.events.filter((event) => JSON.stringify(event).includes('connection-lost')).length).toBeGreaterThan(0);
    const loaded = await load(ws.folder, await ws.reports());
    const ids = (loaded.rows.get(`${db.database}.public.items`) ?? []).map((row) => row['id']);
    expect(ids).toHaveLength(ROWS);
    expect(new Set(ids).size).toBe(ROWS);
  },
);

test.skipIf(!hasProgram('ssh-keygen'))(
  'a tunnel that is cut again and again while the log is streamed loses no change',
  async () => {
    await using db = await withItems();
    await using server = await startSshServer();
    await using proxy = await startProxy(server);
    const lines = [
      `logBased: { plugin: pgoutput, consume: stream, slot: cut_${db.database} }`,
      'tables: [{ table: public.items, method: LOG_BASED }]',
    ];
    await using ws = await openTestWorkspace(db, { lines });
    const { privateKey } = toOpenSsh(generateKeyPairSync('ed25519').privateKey, '');
    await writeFile(join(ws.folder, 'key'), privateKey, { mode: 0o600 });
    const ssh = {
      host: proxy.host,
      port: proxy.port,
      user: 'tester',
      privateKey: { file: './key' },
      hostKey: server.fingerprint,
    };
    await configureConnection(ws, connectionOf(db, ssh), lines);
    await ws.run();
    for (let part = 0; part < 5; part += 1)
      await db.query(`update items set label = 'changed ' || id || repeat('y', 100) where id % 5 = ${String(part)}`);
    await db.query('delete from items where id <= 10');
    let cuts = 0;
    let rows = 0;

    await untilComplete(ws, {
      progress: (event) => {
        if (event.kind !== 'rows') return;
        rows += event.rows;
        if (rows < (cuts + 1) * 5_000 || cuts === 3) return;
        cuts += 1;
        proxy.cut();
      },
      allowed: ['connection-lost', 'slot-active', 'ssh-unreachable'],
      most: 8,
    });

    expect(cuts).toBe(3);
    const loaded = newest((await load(ws.folder, await ws.reports())).rows.get(`${db.database}.public.items`) ?? [], 'id');
    const there = loaded.filter((row) => row['_sdc_deleted_at'] === undefined || row['_sdc_deleted_at'] === null);
    const source = await db.query('select id::text as id, label from items');
    expect(there.map((row) => `${String(row['id'])} ${String(row['label'])}`).sort()).toEqual(
      source.map(({ id, label }) => `${String(id)} ${String(label)}`).sort(),
    );
    await db.query(`select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = 'cut_${db.database}'`);
  },
);

test.skipIf(!(hasProgram('sshd') && hasProgram('ssh-keygen')))(
  'a job goes through a real sshd, with the key from a file and its passphrase from another',
  async () => {
    await using db = await withItems();
    await using sshd = await startSshd();
    await using ws = await openTestWorkspace(db, { lines: LINES });
    const { makeKeyPair } = await import('./ssh-keys.ts');
    const key = await makeKeyPair(ws.folder, 'key', { type: 'ed25519', passphrase: 'a passphrase' });
    await sshd.authorize(key.publicLine);
    await writeFile(join(ws.folder, 'passphrase'), 'a passphrase\n');
    const ssh = {
      ...{
        host: sshd.host,
        port: sshd.port,
        user: sshd.user,
        privateKey: { file: './key' },
        passphrase: { file: './passphrase' },
      },
      hostKey: [key.fingerprint, sshd.hostKeys[0]?.fingerprint ?? ''],
    };
    await configureConnection(ws, connectionOf(db, ssh), LINES);

    const report = await ws.run();

    expect(report).toMatchObject({ state: 'complete', tables: [{ rows: ROWS }] });
    expect((await sshd.log()).match(/Accepted publickey/g)).toHaveLength(1);
  },
);

test.skipIf(!hasProgram('ssh-keygen'))(
  'a job whose SSH server shows an unknown host key fails with the fingerprint to add',
  async () => {
    await using db = await withItems();
    await using server = await startSshServer();
    await using ws = await openTestWorkspace(db, { lines: LINES });
    const { privateKey } = toOpenSsh(generateKeyPairSync('ed25519').privateKey, '');
    await writeFile(join(ws.folder, 'key'), privateKey, { mode: 0o600 });
    await configureConnection(
      ws,
      connectionOf(db, { host: server.host, port: server.port, user: 'tester', privateKey: { file: './key' } }),
      LINES,
    );

    const report = await ws.run();

    expect(report.state).toBe('failed');
    expect(report.error).toMatchObject({
      code: 'ssh-host-key-unknown',
      remedy: expect.stringContaining(`"${server.fingerprint}"`),
    });
  },
);
