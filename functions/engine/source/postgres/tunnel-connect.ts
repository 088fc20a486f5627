import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import ssh2 from 'ssh2';
import type { Client, ClientChannel, PublicKeyAuthMethod } from 'ssh2';
import { ReplicationError } from '../../model/errors.ts';
import { typeOf } from './openssh-key.ts';
import { openTcp } from './socket.ts';
import { networkReason } from './sqlstate.ts';
import type { Endpoint } from './sqlstate.ts';
import type { TunnelKey } from './tunnel-key.ts';
import { TunnelSocket } from './tunnel-socket.ts';

export interface SshSettings {
  /** The SSH server and the user there. */
  readonly endpoint: Endpoint;
  readonly key: TunnelKey;
  /** Accepted host keys: `SHA256:` and base64 without padding, as OpenSSH prints them. */
  readonly hostKeys: readonly string[];
  /** How often a silent server is asked whether it is there. */
  readonly keepAliveMs: number;
}

/** A login on an SSH server. Disposing of it ends all that goes through it. */
export interface SshConnection extends AsyncDisposable {
  /** Resolves when the connection carries nothing any more, for whatever reason. */
  readonly lost: Promise<void>;
  /**
   * Opens a connection from the SSH server to a host and port that it can reach. Throws `ssh-forwarding-refused`, `host-unreachable`,
   * `connection-lost` where the SSH connection breaks meanwhile, or `signal.reason`.
   */
  forward(target: { readonly host: string; readonly port: number }, signal: AbortSignal): Promise<Duplex>;
}

/** A tunnel is given up after so many unanswered questions. */
const KEEP_ALIVE_COUNT = 3;

/** How long a goodbye may take before the socket is destroyed. */
const GRACE_MS = 2_000;

/** Kinds of host keys in the order of preference, with the signature algorithms of each (ssh2's defaults, without SHA-1). */
const HOST_KEY_KINDS = [
  { type: 'ssh-ed25519', algorithms: ['ssh-ed25519'] },
  { type: 'ecdsa-sha2-nistp256', algorithms: ['ecdsa-sha2-nistp256'] },
  { type: 'ecdsa-sha2-nistp384', algorithms: ['ecdsa-sha2-nistp384'] },
  { type: 'ecdsa-sha2-nistp521', algorithms: ['ecdsa-sha2-nistp521'] },
  { type: 'ssh-rsa', algorithms: ['rsa-sha2-512', 'rsa-sha2-256'] },
] as const;

/**
 * Logs in. A server with several host keys is asked for them one after the other until one is an accepted one, as a fingerprint does not tell its kind.
 * Throws `ssh-unreachable`, `ssh-handshake-failed`, `ssh-host-key-unknown`, `ssh-host-key-changed`, `ssh-login-failed`, or `signal.reason`.
 */
export async function connectSsh(settings: SshSettings, signal: AbortSignal): Promise<SshConnection> {
  const seen: OfferedKey[] = [];
  for (;;) {
    const outcome = await attempt(settings, seen, signal);
    if (outcome.state === 'connected') return outcome.connection;
    const [first] = seen;
    // Where it has no key of the kinds that are left, the refusal is what counts.
    if (outcome.state === 'failed' && (outcome.hostKey === 'accepted' || first === undefined)) throw outcome.error;
    if (outcome.state === 'refused') {
      seen.push(outcome.offered);
      if (settings.hostKeys.length > 0 && seen.length < HOST_KEY_KINDS.length) continue;
    }
    throw hostKeyError(settings, first ?? seen[0]);
  }
}

interface OfferedKey {
  readonly type: string;
  readonly fingerprint: string;
}

type Attempt =
  | { readonly state: 'connected'; readonly connection: SshConnection }
  | { readonly state: 'refused'; readonly offered: OfferedKey }
  | { readonly state: 'failed'; readonly hostKey: 'accepted' | 'not-seen'; readonly error: ReplicationError };

async function attempt(settings: SshSettings, seen: readonly OfferedKey[], signal: AbortSignal): Promise<Attempt> {
  const { endpoint, key, hostKeys, keepAliveMs } = settings;
  let socket: Socket;
  try {
    socket = await openTcp(endpoint, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new ReplicationError('ssh-unreachable', { ...endpoint, reason: networkReason(error) ?? 'unknown' }, { cause: error });
  }
  const client = new ssh2.Client();
  const connection = new Connection(endpoint, client, socket);
  const method: PublicKeyAuthMethod = { type: 'publickey', username: endpoint.user, key: key.key };
  const told: { hostKey: 'accepted' | 'not-seen'; refused?: OfferedKey } = { hostKey: 'not-seen' };
  try {
    await untilReady(client, signal, () =>
      client.connect({
        sock: socket,
        username: endpoint.user,
        authHandler: [method],
        hostVerifier: (blob: Buffer) => {
          const offered = offeredKey(blob);
          const isAccepted = hostKeys.includes(offered.fingerprint);
          if (isAccepted) told.hostKey = 'accepted';
          else told.refused = offered;
          return isAccepted;
        },
        algorithms: {
          serverHostKey: HOST_KEY_KINDS.filter(({ type }) => seen.every((known) => known.type !== type)).flatMap(
            ({ algorithms }) => algorithms,
          ),
        },
        // The whole attempt has a deadline already.
        readyTimeout: 0,
        keepaliveInterval: keepAliveMs,
        keepaliveCountMax: KEEP_ALIVE_COUNT,
      }),
    );
    return { state: 'connected', connection };
  } catch (error) {
    socket.destroy();
    await connection[Symbol.asyncDispose]();
    signal.throwIfAborted();
    if (told.refused !== undefined) return { state: 'refused', offered: told.refused };
    return { state: 'failed', hostKey: told.hostKey, error: loginError(settings, error) };
  }
}

function offeredKey(blob: Buffer): OfferedKey {
  const digest = createHash('sha256').update(blob).digest('base64');
  return { type: typeOf(blob), fingerprint: `SHA256:${digest.replace(/=+$/, '')}` };
}

function hostKeyError({ endpoint, hostKeys }: SshSettings, offered: OfferedKey | undefined): ReplicationError {
  const details = { ...endpoint, fingerprint: offered?.fingerprint ?? 'none', type: offered?.type ?? 'none' };
  return hostKeys.length === 0
    ? new ReplicationError('ssh-host-key-unknown', details)
    : new ReplicationError('ssh-host-key-changed', details);
}

/** By `level`, which is ssh2's own; its texts for the handshake name algorithms and nothing else. */
function loginError({ endpoint, key }: SshSettings, error: unknown): ReplicationError {
  const level = error instanceof Error && 'level' in error ? error.level : undefined;
  if (level === 'client-authentication')
    return new ReplicationError('ssh-login-failed', { ...endpoint, publicLine: key.publicLine }, { cause: error });
  const text = error instanceof Error && level === 'handshake' ? error.message : undefined;
  const reason = networkReason(error) ?? text ?? 'what answers ended the connection, or is no SSH server';
  return new ReplicationError('ssh-handshake-failed', { ...endpoint, reason }, { cause: error });
}

function untilReady(client: Client, signal: AbortSignal, begin: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      client.off('ready', onReady).off('error', onError).off('close', onClose);
      act();
    };
    const onReady = (): void => settle(resolve);
    const onError = (error: Error): void => settle(() => reject(error));
    const onClose = (): void => onError(new Error('closed'));
    const onAbort = (): void => settle(() => reject(signal.reason as Error));
    signal.addEventListener('abort', onAbort, { once: true });
    client.on('ready', onReady).on('error', onError).on('close', onClose);
    begin();
  });
}

/** `SSH_MSG_CHANNEL_OPEN_FAILURE`, RFC 4254 section 5.1. */
const CONNECT_FAILED = 2;
const REFUSALS: Readonly<Record<number, string>> = {
  1: 'administratively prohibited',
  3: 'it knows no forwarding',
  4: 'it has no resources left',
};

class Connection implements SshConnection {
  readonly lost: Promise<void>;
  readonly #closed: Promise<void>;
  readonly #endpoint: Endpoint;
  readonly #client: Client;
  readonly #socket: Socket;
  readonly #open = new Set<TunnelSocket>();

  constructor(endpoint: Endpoint, client: Client, socket: Socket) {
    this.#endpoint = endpoint;
    this.#client = client;
    this.#socket = socket;
    // A failure without anyone who waits would end the process; what it means shows when the socket closes.
    client.on('error', () => undefined);
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()));
    this.lost = new Promise((resolve) => {
      // Before ssh2 hears of it and tells its channels of a peaceful end.
      const onLost = (): void => {
        for (const open of this.#open) open.reset();
        resolve();
      };
      socket.once('end', onLost).once('close', onLost);
    });
  }

  async forward(target: { readonly host: string; readonly port: number }, signal: AbortSignal): Promise<Duplex> {
    signal.throwIfAborted();
    const channel = await this.#openChannel(target, signal);
    const stream = new TunnelSocket(channel);
    this.#open.add(stream);
    stream.once('close', () => this.#open.delete(stream));
    if (this.#socket.destroyed) stream.reset();
    return stream;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.end();
    const timer = setTimeout(() => this.#socket.destroy(), GRACE_MS);
    try {
      await this.#closed;
    } finally {
      clearTimeout(timer);
    }
  }

  #openChannel(target: { readonly host: string; readonly port: number }, signal: AbortSignal): Promise<ClientChannel> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      const lost = (cause: unknown): void => reject(this.#channelError(target, cause));
      try {
        this.#client.forwardOut('127.0.0.1', 0, target.host, target.port, (error, channel) => {
          signal.removeEventListener('abort', onAbort);
          if (error !== undefined) lost(error);
          // Opened too late for who wanted it.
          else if (signal.aborted) channel.resume().destroy();
          else resolve(channel);
        });
      } catch (error) {
        signal.removeEventListener('abort', onAbort);
        lost(error);
      }
    });
  }

  #channelError(target: { readonly host: string; readonly port: number }, cause: unknown): ReplicationError {
    const { host, port } = this.#endpoint;
    const reason = cause instanceof Error && 'reason' in cause && typeof cause.reason === 'number' ? cause.reason : undefined;
    if (reason === CONNECT_FAILED)
      return new ReplicationError(
        'host-unreachable',
        { ...target, reason: `the SSH server ${host}:${port} cannot connect to it` },
        { cause },
      );
    if (reason === undefined)
      return new ReplicationError(
        'connection-lost',
        { ...target, reason: `the SSH tunnel through ${host}:${port} was closed` },
        { cause },
      );
    const details = { host, port, target: `${target.host}:${target.port}`, reason: REFUSALS[reason] ?? `reason ${reason}` };
    return new ReplicationError('ssh-forwarding-refused', details, { cause });
  }
}
