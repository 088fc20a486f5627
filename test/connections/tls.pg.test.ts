import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority } from '../source/certificates.ts';
import type { Authority, Issued } from '../source/certificates.ts';
import { newestMajor, startServer } from '../support/postgres.ts';
import type { TestDatabase, TestServer } from '../support/postgres.ts';
import { openTestWorkspace } from '../support/workspace.ts';
import type { TestWorkspace } from '../support/workspace.ts';
import { configureConnection } from './support.ts';

const LINES = ['tables:', '  - { table: public.items, method: FULL_TABLE }'];

let authority: Authority;
let client: Issued;
let server: TestServer;
let db: TestDatabase;

beforeAll(async () => {
  authority = await createAuthority();
  client = await authority.issue({ commonName: 'with_certificate' });
  server = await startServer(newestMajor, {
    hba: ['hostssl all anyone 127.0.0.1/32 trust', 'hostssl all with_certificate 127.0.0.1/32 cert'],
    ssl: { ...(await authority.issue({ commonName: 'db', names: 'IP:127.0.0.1' })), clientCa: authority.certificate },
  });
  db = await server.createDatabase();
  await db.query(`
    create role anyone login; create role with_certificate login;
    create table items (id bigint primary key); insert into items values (1);
    grant select on items to anyone, with_certificate`);
});

afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await authority[Symbol.asyncDispose]();
});

async function workspaceWith(ssl: Readonly<Record<string, unknown>> | undefined, user = 'anyone'): Promise<TestWorkspace> {
  const ws = await openTestWorkspace(db, { lines: LINES });
  await writeFile(join(ws.folder, 'ca.pem'), authority.certificate);
  await writeFile(join(ws.folder, 'client.crt'), client.certificate);
  await writeFile(join(ws.folder, 'client.key'), client.key, { mode: 0o600 });
  const { host, port, database } = db;
  await configureConnection(
    ws,
    { host, port, database, databases: [database], user, ...(ssl === undefined ? {} : { ssl }) },
    LINES,
  );
  return ws;
}

describe('connection.ssl', () => {
  it('is require by default, which every plan and report remarks upon', async () => {
    await using ws = await workspaceWith(undefined);
    await using workspace = await ws.open();

    const plan = await workspace.plan('shop', AbortSignal.timeout(60_000));
    const report = await ws.run();

    expect(report.state).toBe('complete');
    for (const { warnings } of [plan, report]) expect(warnings).toEqual([expect.stringContaining('certificate is not checked')]);
  });

  it('is verify-full where there is a ca, and then nothing is to be said', async () => {
    await using ws = await workspaceWith({ ca: './ca.pem' });

    expect(await ws.run()).toMatchObject({ state: 'complete', warnings: [] });
  });

  it('shows a client certificate', async () => {
    await using ws = await workspaceWith({ ca: './ca.pem', cert: './client.crt', key: './client.key' }, 'with_certificate');

    expect(await ws.run()).toMatchObject({ state: 'complete' });
  });

  it('trusts with ca: rds the authorities of Amazon RDS, and no other', async () => {
    await using ws = await workspaceWith({ ca: 'rds' });

    const report = await ws.run();

    expect(report.state).toBe('failed');
    expect(report.error).toMatchObject({
      code: 'tls-failed',
      message: expect.stringContaining('an authority that is not in ca'),
    });
  });

  it('says which file cannot be read', async () => {
    await using ws = await workspaceWith({ ca: './nothing.pem' });

    const report = await ws.run().catch((error: unknown) => ({ error }));

    expect(report.error).toMatchObject({ code: 'secret-missing', message: expect.stringContaining('nothing.pem') });
  });
});
