import type { Duplex } from 'node:stream';
import { ReplicationError } from '../../model/errors.ts';
import type { Endpoint } from './sqlstate.ts';
import { connectSsh } from './tunnel-connect.ts';
import type { SshConnection } from './tunnel-connect.ts';
import { UnreadableKey, readTunnelKey } from './tunnel-key.ts';
import type { TunnelKey } from './tunnel-key.ts';

export interface TunnelSettings {
  /** The SSH server and the user there. */
  readonly endpoint: Endpoint;
  /** Asked for at every SSH login, so a rotated key needs no restart. */
  readonly key: () => Promise<{ readonly privateKey: string; readonly passphrase?: string }>;
  /** Accepted fingerprints, `SHA256:` and base64 without padding; none: the error names the one that was offered. */
  readonly hostKeys: readonly string[];
  /** What the SSH server is to connect to, as it names it. */
  readonly target: { readonly host: string; readonly port: number };
  /** For one SSH login, from name resolution on. Less than the timeout of a whole connection, so that the right side is blamed. */
  readonly connectTimeoutMs: number;
  /** How often a silent SSH server is asked whether it is there; the third question in vain ends the tunnel. @default 10 s */
  readonly keepAliveMs?: number;
}

const KEEP_ALIVE_MS = 10_000;

/** One SSH connection, made when it is first needed and made anew when it was lost; everything goes through it. Disposing of it ends all that is open. */
export interface Tunnel extends AsyncDisposable {
  /**
   * A stream to the target. Throws `ssh-key-unreadable`, `ssh-unreachable`, `ssh-handshake-failed`, `ssh-host-key-unknown`, `ssh-host-key-changed`,
   * `ssh-login-failed`, `ssh-forwarding-refused`, `host-unreachable`, `connection-lost`, what reading the key throws, or `signal.reason`.
   */
  openSocket(signal: AbortSignal): Promise<Duplex>;
}

/** A way to a server that only an SSH server can reach. Connects to nothing yet. */
export function openTunnel(settings: TunnelSettings): Tunnel {
  return new SshTunnel(settings);
}

class SshTunnel implements Tunnel {
  readonly #settings: TunnelSettings;
  readonly #disposing = new AbortController();
  #current: Promise<SshConnection> | undefined;

  constructor(settings: TunnelSettings) {
    this.#settings = settings;
  }

  async openSocket(signal: AbortSignal): Promise<Duplex> {
    signal.throwIfAborted();
    const connection = await unlessAborted(this.#connection(), signal);
    return connection.forward(this.#settings.target, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { target } = this.#settings;
    this.#disposing.abort(new ReplicationError('connection-lost', { ...target, reason: 'the SSH tunnel was closed here' }));
    const connection = await this.#current?.catch(() => undefined);
    await connection?.[Symbol.asyncDispose]();
  }

  /** The one connection: those who come while it is being made wait for the same one. */
  #connection(): Promise<SshConnection> {
    if (this.#current !== undefined) return this.#current;
    const connecting = this.#connect();
    this.#current = connecting;
    const forget = (): void => {
      if (this.#current === connecting) this.#current = undefined;
    };
    connecting.then((connection) => connection.lost.then(forget), forget);
    return connecting;
  }

  async #connect(): Promise<SshConnection> {
    const { endpoint, hostKeys, connectTimeoutMs, keepAliveMs = KEEP_ALIVE_MS } = this.#settings;
    this.#disposing.signal.throwIfAborted();
    const late = new AbortController();
    const reason = `no answer within ${connectTimeoutMs} ms`;
    const timer = setTimeout(
      () => late.abort(new ReplicationError('ssh-unreachable', { ...endpoint, reason })),
      connectTimeoutMs,
    );
    try {
      const key = await this.#key();
      return await connectSsh({ endpoint, key, hostKeys, keepAliveMs }, AbortSignal.any([this.#disposing.signal, late.signal]));
    } finally {
      clearTimeout(timer);
    }
  }

  async #key(): Promise<TunnelKey> {
    const { privateKey, passphrase } = await this.#settings.key();
    try {
      return readTunnelKey(privateKey, passphrase);
    } catch (error) {
      if (!(error instanceof UnreadableKey)) throw error;
      const { host, user } = this.#settings.endpoint;
      throw new ReplicationError('ssh-key-unreadable', { host, user, reason: error.message }, { cause: error });
    }
  }
}

/** Waits for what others wait for too: giving up does not end it. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
