import { connect as netConnect } from 'node:net';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { upgradeToTls } from './tls.ts';
import type { TlsSettings } from './tls.ts';

/** Where bytes go: directly, or through what `openSocket` opens, and how they are encrypted. */
export interface SocketSettings {
  readonly endpoint: { readonly host: string; readonly port: number };
  readonly tls: TlsSettings;
  /** Opens the bytes' way through a tunnel; its stream is connected already. @default a TCP connection to the endpoint */
  readonly openSocket?: (signal: AbortSignal) => Promise<Duplex>;
}

/** Middleboxes forget idle connections after about 350 s (NAT gateways, network load balancers); a COPY may wait that long for its first row. */
const KEEP_ALIVE_MS = 30_000;

/** A connected, and where wanted encrypted, stream to the server. Rejects with `signal.reason`, a system error or a `TlsFailure`. */
export async function openServerSocket(settings: SocketSettings, signal: AbortSignal): Promise<Duplex> {
  signal.throwIfAborted();
  const raw = settings.openSocket === undefined ? await openTcp(settings.endpoint, signal) : await settings.openSocket(signal);
  // Whoever reads the stream listens for its errors; this one keeps an error in between from ending the process.
  raw.on('error', () => undefined);
  if (settings.tls.mode === 'disable') return raw;
  const onAbort = (): void => void raw.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const secure = await upgradeToTls(raw, settings.tls, settings.endpoint.host);
    secure.on('error', () => undefined);
    return secure;
  } catch (error) {
    raw.destroy();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** A TCP connection, or one to a Unix socket where the host is a folder. Rejects with `signal.reason` or a system error. */
export function openTcp(endpoint: { readonly host: string; readonly port: number }, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    // A host that begins with a slash is the folder of a Unix socket, as in libpq.
    const socket = endpoint.host.startsWith('/')
      ? netConnect({ path: `${endpoint.host}/.s.PGSQL.${endpoint.port}` })
      : netConnect({
          host: endpoint.host,
          port: endpoint.port,
          noDelay: true,
          keepAlive: true,
          keepAliveInitialDelay: KEEP_ALIVE_MS,
        });
    const done = (): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('connect', onConnect);
      socket.off('error', onError);
    };
    const onConnect = (): void => {
      done();
      resolve(socket);
    };
    const onError = (error: Error): void => {
      done();
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => onError(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('connect', onConnect);
    socket.on('error', onError);
  });
}

/** What arrived is not PostgreSQL's protocol, or a part of it that this client does not speak. */
export class ProtocolFailure extends Error {
  override readonly name = 'ProtocolFailure';
}

/** What a server may begin with: R (authentication), E (error), N (notice), v (negotiation of the version). */
const FIRST_BYTES: readonly (number | undefined)[] = [0x52, 0x45, 0x4e, 0x76];

/**
 * A connected stream in the shape that pg expects of the one it connects by itself. Bytes that pg's parser throws at
 * (an authentication method it does not know, garbage) destroy the stream with a {@link ProtocolFailure} instead of ending the process.
 */
export function forPg(stream: Duplex): Duplex {
  const addListener = stream.on.bind(stream);
  let isFirst = true;
  const guarded =
    (listener: (bytes: Buffer) => void) =>
    (bytes: Buffer): void => {
      try {
        // An answer in another protocol may look like the start of a message that never ends.
        if (isFirst && !FIRST_BYTES.includes(bytes[0])) throw new ProtocolFailure('an answer that no PostgreSQL server gives');
        isFirst = false;
        listener(bytes);
      } catch (error) {
        stream.destroy(
          error instanceof ProtocolFailure ? error : new ProtocolFailure('a message that is not known here', { cause: error }),
        );
      }
    };
  return Object.assign(stream, {
    connect: () => {
      process.nextTick(() => stream.emit('connect'));
      return stream;
    },
    setNoDelay: () => stream,
    on: (event: string, listener: (...args: unknown[]) => void) =>
      addListener(event, event === 'data' ? guarded(listener) : listener),
  });
}
