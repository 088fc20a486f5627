import { ListMultipartUploadsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, describe } from 'vitest';
import { openS3Sink } from '../../functions/engine/sink/s3/s3-sink.ts';
import { createBucket, testS3Client } from '../support/s3.ts';
import { sinkSuite } from './sink.suite.ts';

/** A second opinion beside our own emulator, where it is installed: https://docs.getmoto.org/en/latest/docs/server_mode.html */
const IS_INSTALLED = spawnSync('moto_server', ['--help']).status === 0;
const PART_BYTES = 5 * 1024 * 1024;
const START_MS = 30_000;

describe.skipIf(!IS_INSTALLED)('with moto_server', () => {
  let server: ChildProcess | undefined;
  let endpoint = '';

  beforeAll(async () => {
    server = spawn('moto_server', ['-H', '127.0.0.1', '-p', '0'], { stdio: ['ignore', 'ignore', 'pipe'] });
    endpoint = await announcedEndpoint(server);
  });
  afterAll(async () => {
    if (server?.exitCode !== null) return;
    server.kill();
    await once(server, 'exit');
  });

  sinkSuite('moto', async () => {
    const client = testS3Client(endpoint);
    const bucket = `b-${randomUUID()}`;
    await createBucket(client, bucket);
    const open = (name = bucket): ReturnType<typeof openS3Sink> =>
      openS3Sink({ url: `s3://${name}/p`, bucket: name, prefix: 'p', client, partBytes: PART_BYTES });
    const below = (keys: readonly (string | undefined)[]): readonly string[] => keys.map((key) => (key ?? '').slice(2)).sort();
    return {
      sink: open(),
      reopen: () => open(),
      manyPartsBytes: 3 * PART_BYTES + 1,
      visible: async () =>
        below(((await client.send(new ListObjectsV2Command({ Bucket: bucket }))).Contents ?? []).map(({ Key }) => Key)),
      unfinished: async () =>
        below(((await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? []).map(({ Key }) => Key)),
      missing: async () => open(`none-${randomUUID()}`),
      [Symbol.asyncDispose]: async () => client.destroy(),
    };
  });
});

/** Port 0 takes a free one; the server names it on its error output. */
async function announcedEndpoint(server: ChildProcess): Promise<string> {
  const { stderr } = server;
  if (stderr === null) throw new Error('no output');
  const timeout = AbortSignal.timeout(START_MS);
  let text = '';
  for (;;) {
    const [chunk] = (await once(stderr, 'data', { signal: timeout })) as [Buffer];
    text += chunk.toString();
    const found = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(text)?.[1];
    if (found === undefined) continue;
    stderr.resume();
    return found;
  }
}
