// An S3 behind TLS in a process of its own: node s3-child.mjs <folder with server.crt and server.key>. Prints its port; ends with its standard input.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { createServer } from 'node:tls';
import { startMiniS3 } from '../test/support/mini-s3.ts';

const [folder = ''] = process.argv.slice(2);
const emulator = await startMiniS3({ directory: folder, buckets: ['bench'] });
const port = Number(new URL(emulator.endpoint).port);
const [cert, key] = await Promise.all(['server.crt', 'server.key'].map((name) => readFile(join(folder, name))));
if (cert === undefined || key === undefined) throw new Error('no certificate');
const front = createServer({ cert, key }, (socket) => {
  const inner = connect(port, '127.0.0.1');
  // Clients come and go: how a connection ends is theirs to say.
  pipeline(socket, inner, () => undefined);
  pipeline(inner, socket, () => undefined);
});
front.on('tlsClientError', () => undefined);
front.listen(0, '127.0.0.1');
await once(front, 'listening');
const address = front.address();
process.stdout.write(`${typeof address === 'object' && address !== null ? address.port : ''}\n`);
process.stdin.resume();
await once(process.stdin, 'end');
process.exit(0);
