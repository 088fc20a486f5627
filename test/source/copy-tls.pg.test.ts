import { expect, it } from 'vitest';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import { copyOut } from '../../functions/engine/source/postgres/copy-out.ts';
import { noLeaks } from '../support/leaks.ts';
import { newestMajor, startServer } from '../support/postgres.ts';
import { createAuthority } from './certificates.ts';
import { BlockRecorder, RowRecorder } from './copy-recorder.ts';
import { never, rejection, settingsFor } from './support.ts';

it('COPY over TLS gives every row, can be stopped, and frees the session', async () => {
  await using authority = await createAuthority();
  const certificate = await authority.issue({ commonName: 'db', names: 'IP:127.0.0.1' });
  await using server = await startServer(newestMajor, { ssl: certificate });
  await using _ = await noLeaks();
  await using connection = await connect(
    settingsFor(server, { tls: { mode: 'verify-full', ca: authority.certificate } }),
    never(),
  );
  const sql = (rows: number): string => `copy (select i, repeat('x', 1000) from generate_series(1, ${rows}) i) to stdout`;
  const out = new BlockRecorder();
  const stopped = new AbortController();
  const reason = new Error('enough');
  const stopping = {
    write: (): Promise<void> => {
      stopped.abort(reason);
      return Promise.resolve();
    },
  };

  const first = await copyOut(connection, { sql: sql(20_000) }, new RowRecorder(), out, never());
  const error = await rejection(copyOut(connection, { sql: sql(1_000_000) }, new RowRecorder(), stopping, stopped.signal));
  const second = await copyOut(connection, { sql: sql(3) }, new RowRecorder(), new BlockRecorder(), never());

  expect(first.rows).toBe(20_000);
  expect(out.lines.map((line) => Number(line.split('\t')[0]))).toEqual(
    Array.from({ length: 20_000 }, (_line, index) => index + 1),
  );
  expect(error).toBe(reason);
  expect(second.rows).toBe(3);
  expect(await connection.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()', [], never())).toEqual([{ ssl: 't' }]);
});
