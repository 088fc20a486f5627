import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { queryJsonLines } from '../support/duckdb.ts';
import { noLeaks } from '../support/leaks.ts';
import { startProxy } from '../support/proxy.ts';

describe('the proxy', () => {
  it('passes every byte on in pieces no larger than asked for', async () => {
    await using _ = await noLeaks();
    await using echo = await startEcho();
    await using proxy = await startProxy(echo, { chunkBytes: 3 });
    const client = connect(proxy.port, proxy.host);
    client.end('the quick brown fox');
    const pieces = (await client.toArray()) as Buffer[];
    expect(Buffer.concat(pieces).toString()).toBe('the quick brown fox');
    expect(pieces.length).toBeGreaterThan(1);
    expect(proxy.bytes).toEqual({ toServer: 19, toClient: 19 });
    expect(proxy.accepted).toBe(1);
  });

  it('resets the connection after as many bytes as asked for', async () => {
    await using echo = await startEcho();
    await using proxy = await startProxy(echo, { cutAfter: { direction: 'toClient', bytes: 5 } });
    const client = connect(proxy.port, proxy.host);
    client.write('0123456789');
    const received: Buffer[] = [];
    client.on('data', (chunk) => received.push(chunk));
    client.on('error', () => undefined);
    await new Promise((resolve) => client.once('close', resolve));
    expect(Buffer.concat(received).toString()).toBe('01234');
  });

  it('holds bytes back while frozen, and refuses connections when told to', async () => {
    await using echo = await startEcho();
    await using proxy = await startProxy(echo);
    proxy.freeze();
    const client = connect(proxy.port, proxy.host);
    client.write('hello');
    await once(client, 'connect');
    expect(proxy.bytes.toServer).toBe(0);
    proxy.thaw();
    const [chunk] = (await once(client, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('hello');
    proxy.refuse();
    const refused = connect(proxy.port, proxy.host);
    await expect(once(refused, 'data')).rejects.toMatchObject({ code: 'ECONNRESET' });
    client.destroy();
  });
});

describe('the leak check', () => {
  it.each([
    ['a child process', async () => ({ close: killer(spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])) })],
    ['a listening server', async () => startEcho().then((server) => ({ close: () => server[Symbol.asyncDispose]() }))],
    ['a file', async () => open(import.meta.filename, 'r')],
  ])('notices %s that is left open', { timeout: 20_000 }, async (_name, leak) => {
    const check = await noLeaks();
    const leaked = await leak();
    await expect(check[Symbol.asyncDispose]()).rejects.toThrow('Left open');
    await leaked.close();
    await check[Symbol.asyncDispose]();
  });
});

describe('the DuckDB reader', () => {
  it('reads plain and gzip files together and reads only the columns that are named', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'backstitch-duck-'));
    const files = [join(directory, 'a.jsonl'), join(directory, 'b.jsonl.gz')];
    await writeFile(files[0] ?? '', '{"id":1,"amount":1.10}\n');
    await writeFile(files[1] ?? '', gzipSync('{"id":9007199254740993,"amount":2}\n'));
    expect(await queryJsonLines({ files, sql: 'select count(*) as n, max(id) as id from lines' })).toEqual([
      { n: '2', id: '9007199254740993' },
    ]);
    expect(await queryJsonLines({ files, columns: { id: 'VARCHAR' }, sql: 'select * from lines order by id' })).toEqual([
      { id: '1' },
      { id: '9007199254740993' },
    ]);
    await rm(directory, { recursive: true });
  });
});

async function startEcho(): Promise<{ readonly host: string; readonly port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.on('error', () => undefined));
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
  return {
    host: '127.0.0.1',
    port: address.port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function killer(child: ReturnType<typeof spawn>): () => Promise<void> {
  return async () => {
    child.kill();
    await once(child, 'close');
  };
}
