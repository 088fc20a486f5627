import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import ssh2 from 'ssh2';
import type { Connection } from 'ssh2';
import { fingerprintOf } from './ssh-keys.ts';

/** An SSH server inside the test, which lets everybody in and forwards anywhere unless told otherwise. */
export interface SshServer extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly fingerprint: string;
  /** Logins so far, and forwarded connections that are open. */
  readonly logins: number;
  readonly forwarded: number;
  /** Ends all SSH connections, as a server that restarts. */
  disconnect(): void;
  /** What happens to requests for a connection from now on. */
  forwarding(answer: 'allow' | 'refuse' | 'keep-waiting'): void;
}

export async function startSshServer(hostKey = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 })): Promise<SshServer> {
  const state = { logins: 0, forwarded: 0, answer: 'allow' as 'allow' | 'refuse' | 'keep-waiting' };
  const clients = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [hostKey.private] }, (client) => {
    clients.add(client);
    // As sshd does; the types do not know it.
    (client as Connection & Pick<Socket, 'setNoDelay'>).setNoDelay(true);
    client.on('error', () => undefined);
    client.on('close', () => clients.delete(client));
    client.on('authentication', (context) => {
      if (context.method === 'publickey') context.accept();
      else context.reject(['publickey']);
    });
    client.on('ready', () => {
      state.logins += 1;
    });
    client.on('tcpip', (accept, reject, info) => {
      if (state.answer === 'keep-waiting') return;
      if (state.answer === 'refuse') {
        reject();
        return;
      }
      const upstream = connect({ host: info.destIP, port: info.destPort, noDelay: true });
      upstream.once('error', () => undefined);
      upstream.once('connect', () => {
        const channel = accept();
        state.forwarded += 1;
        channel.on('error', () => undefined);
        upstream.once('close', () => {
          state.forwarded -= 1;
          channel.close();
        });
        channel.once('close', () => upstream.destroy());
        channel.pipe(upstream).pipe(channel);
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
  return {
    host: '127.0.0.1',
    port: address.port,
    fingerprint: fingerprintOf(hostKey.public),
    get logins() {
      return state.logins;
    },
    get forwarded() {
      return state.forwarded;
    },
    disconnect: () => {
      for (const client of clients) client.end();
    },
    forwarding: (answer) => {
      state.answer = answer;
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.end();
      server.close();
      await once(server, 'close');
    },
  };
}
