// An S3 behind TLS in a process of its own: node s3-child.mjs <folder with server.crt and server.key>. Prints its port; ends with its standard input.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startMiniS3 } from '../test/support/mini-s3.ts';

const [folder = ''] = process.argv.slice(2);
const tls = {
  cert: await readFile(join(folder, 'server.crt'), 'utf8'),
  key: await readFile(join(folder, 'server.key'), 'utf8'),
};
const emulator = await startMiniS3({ directory: folder, buckets: ['bench'], tls, encryption: 'kms' });
process.stdout.write(`${new URL(emulator.endpoint).port}\n`);
process.stdin.resume();
await once(process.stdin, 'end');
process.exit(0);
