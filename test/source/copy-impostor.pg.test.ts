import { once } from 'node:events';
import { connect as connectTo, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ReplicationError } from '../../functions/engine/model/errors.ts';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import { copyOut } from '../../functions/engine/source/postgres/copy-out.ts';
import { noLeaks } from '../support/leaks.ts';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import { BlockRecorder, RowRecorder } from './copy-recorder.ts';
import { never, rejection, settingsFor } from './support.ts';

describe('COPY from something that is not quite PostgreSQL', () => {
  const message = (type: string, body: string): string => {
    const header = Buffer.alloc(5);
    header.write(type, 'latin1');
    header.writeInt32BE(Buffer.byteLength(body, 'latin1') + 4, 1);
    return header.toString('latin1') + body;
  };
  const COPY_OUT = message('H', '\0\0\0');
  const END = message('c', '') + message('C', 'COPY 1\0') + message('Z', 'I');

  it.each([
    ['garbage', 'HTTP/1.1 500 Internal Server Error'],
    ['a result instead of a copy', message('T', '\0\0')],
    ['rows before the copy', message('d', '1\n') + END],
    ['binary rows', message('H', '\x01\0\0') + message('d', 'PGCOPY\n') + END],
    ['garbage after rows', COPY_OUT + message('d', '1\n') + '\0\0\0\0\0\0\0\0'],
    ['fewer rows than it says', COPY_OUT + END],
    ['more rows than it says', COPY_OUT + message('d', '1\n') + message('d', '2\n') + END],
    ['an end without a number', COPY_OUT + message('d', '1\n') + message('c', '') + message('C', 'COPY\0') + message('Z', 'I')],
  ])('refuses %s', async (_, answer) => {
    await using _leaks = await noLeaks();
    await using db = await createDatabase(newestMajor);
    await using fake = await startImpostor(db, Buffer.from(answer, 'latin1'));
    await using connection = await connect(settingsFor({ database: db.database, ...fake.address }), never());

    const error = await rejection(
      copyOut(connection, { sql: 'copy (select 1) to stdout' }, new RowRecorder(), new BlockRecorder(), never()),
    );

    expect(error).toBeInstanceOf(ReplicationError);
    expect(error).toMatchObject({ code: 'protocol-violation' });
  });
});

/** Passes everything on, until a COPY is asked for: that it answers by itself. */
async function startImpostor(
  target: { readonly host: string; readonly port: number },
  answer: Buffer,
): Promise<AsyncDisposable & { readonly address: { readonly host: string; readonly port: number } }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connectTo(target);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined);
      from.once('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
    client.on('data', (chunk: Buffer) => (chunk.includes('copy (') ? client.write(answer) : upstream.write(chunk)));
    upstream.pipe(client);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
