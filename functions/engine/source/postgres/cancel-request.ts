import type pg from 'pg';
import { openServerSocket } from './socket.ts';
import type { SocketSettings } from './socket.ts';

/** What the server gave the client to cancel its statements with. */
export interface BackendKey {
  readonly processId: number;
  readonly secretKey: number;
}

/** The backend key of a connected client; absent behind proxies that give none. */
export function backendKeyOf(client: pg.Client): BackendKey | undefined {
  const known =
    'processID' in client &&
    typeof client.processID === 'number' &&
    'secretKey' in client &&
    typeof client.secretKey === 'number';
  return known ? { processId: Number(client.processID), secretKey: Number(client.secretKey) } : undefined;
}

/**
 * Asks the server, over a second connection, to cancel what the backend is doing. Resolves when the server has closed that connection:
 * the signal is sent by then, so it can no longer hit a later statement (but for the instant that its delivery takes).
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 */
export async function sendCancelRequest(settings: SocketSettings, key: BackendKey, signal: AbortSignal): Promise<void> {
  const socket = await openServerSocket(settings, signal);
  try {
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      socket.once('close', () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
      // The server says nothing; reading is what makes its end of the stream visible.
      socket.resume();
      socket.once('end', () => socket.destroy());
      socket.write(cancelMessage(key));
    });
  } finally {
    socket.destroy();
  }
}

function cancelMessage(key: BackendKey): Buffer {
  const message = Buffer.alloc(16);
  message.writeInt32BE(16, 0);
  message.writeInt32BE(80_877_102, 4);
  message.writeInt32BE(key.processId, 8);
  message.writeInt32BE(key.secretKey, 12);
  return message;
}
