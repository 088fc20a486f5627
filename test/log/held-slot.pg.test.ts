import { expect, test } from 'vitest';
import { applicationName } from '../../functions/engine/source/application-name.ts';
import { openTestLog } from '../source/log/log-support.ts';
import { never } from '../source/support.ts';
import { startChildJob } from '../support/child-job.ts';
import { createDatabase, eventually, majors } from '../support/postgres.ts';
import { openTestWorkspace } from '../support/workspace.ts';

const noop = (): void => undefined;
const nothing = (): Promise<void> => Promise.resolve();
const HANDLER = { begin: noop, change: noop, truncate: noop, commit: noop, drained: nothing, checkpoint: nothing };

const CASES = majors.flatMap((major) => (['stream', 'peek'] as const).map((consume) => ({ major, consume })));

// A worker that died, or a connection that broke without the server's knowledge: the same job goes on, and the server still holds the slot for who is gone.
test.each(CASES)(
  'a job goes on where an earlier session of it still holds the slot: PostgreSQL $major by $consume',
  async ({ major, consume }) => {
    await using db = await createDatabase(major, { sessionsAtEnd: 'any' });
    await db.query('create table items (id int primary key); insert into items values (1)');
    await using ws = await openTestWorkspace(db, {
      lines: [
        `logBased: { plugin: pgoutput, consume: ${consume}, slot: ${db.database} }`,
        'tables: [{ table: public.items, method: LOG_BASED }]',
      ],
    });
    expect((await ws.run()).state).toBe('complete');
    await db.query('insert into items values (2)');

    const job = await startChildJob(ws.configPath, { fail: { at: 'claim.after', hit: 1, how: 'stop' } });
    expect(await job.stopped).toBe('stopped');
    const [running] = await db.query(
      `select application_name from pg_stat_activity where datname = current_database() and application_name like 'backstitch shop %' limit 1`,
    );
    const name = running?.['application_name'] ?? '';
    await using earlier = await openTestLog(db, { applicationName: name });
    const reader = await earlier.session.reader({ consume: 'stream', plugin: 'pgoutput' }, never());
    const slot = { slot: db.database, publication: db.database };
    await reader.read(await earlier.request(0n as never, 'pgoutput', slot), HANDLER, never());
    await eventually(
      'the slot is held',
      async () => (await earlier.session.slot(db.database, never()))?.activeApplication === name,
    );
    job.signal('SIGCONT');

    expect(name).toBe(applicationName('shop', name.split(' ').at(-1) ?? ''));
    expect(await job.outcome).toMatchObject({ state: 'complete' });
    expect((await ws.reports()).at(-1)?.tables[0]).toMatchObject({ inserts: 1 });
    await reader[Symbol.asyncDispose]();
  },
);
