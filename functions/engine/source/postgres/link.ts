import type { Duplex } from 'node:stream';
import pg from 'pg';
import { ReplicationError } from '../../model/errors.ts';
import { backendKeyOf, sendCancelRequest } from './cancel-request.ts';
import { forPg } from './socket.ts';
import type { SocketSettings } from './socket.ts';
import { replicationErrorOf } from './sqlstate.ts';
import type { Endpoint, Where } from './sqlstate.ts';

/** How long a cancelled statement or a farewell may take before the socket is destroyed. */
const GRACE_MS = 5_000;

export interface LinkSettings extends SocketSettings {
  readonly endpoint: Endpoint;
  readonly database: string;
  readonly applicationName: string;
  /** Called when, and only when, the server asks for a password. */
  readonly password: () => Promise<string>;
  /** A session of the replication protocol in this database, with these parameters from its start: nothing can be set there before 10. */
  readonly replication?: { readonly parameters: Readonly<Record<string, string>> };
}

/** A client of pg on a socket of ours: knows when it was lost, can cancel what it runs, and never lets an idle failure reach the process. */
export class Link implements AsyncDisposable {
  readonly client: pg.Client;
  readonly #settings: LinkSettings;
  readonly #stream: Duplex;
  #lost: Error | undefined;
  #hasFailed = false;
  #farewell: Promise<void> | undefined;

  constructor(settings: LinkSettings, stream: Duplex) {
    this.#settings = settings;
    this.#stream = stream;
    this.client = new pg.Client({
      host: settings.endpoint.host,
      port: settings.endpoint.port,
      user: settings.endpoint.user,
      database: settings.database,
      // Always a function: without one pg looks into PGPASSWORD and ~/.pgpass.
      password: settings.password,
      // The stream is encrypted already.
      ssl: false,
      sslnegotiation: 'postgres',
      stream: () => forPg(stream),
      application_name: settings.applicationName,
      types: { getTypeParser: () => (text: unknown) => text },
      ...(settings.replication === undefined
        ? {}
        : { replication: 'database', options: startupOptions(settings.replication.parameters) }),
    });
    // The first one says why (an idle session that is terminated gets a message, then the end of the stream).
    this.client.on('error', (error) => (this.#lost ??= error));
  }

  /** Starts the session. Throws connection errors, or `signal.reason`. */
  async login(signal: AbortSignal): Promise<void> {
    const onAbort = (): void => void this.#stream.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await this.client.connect();
    } catch (error) {
      signal.throwIfAborted();
      throw this.#loginError(error);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** See `Connection.query`. */
  async query<R extends pg.QueryResultRow>(
    sql: string,
    params: readonly (string | number | null)[],
    signal: AbortSignal,
    where: Omit<Where, 'endpoint' | 'database'>,
  ): Promise<readonly R[]> {
    signal.throwIfAborted();
    if (this.#lost !== undefined) throw this.fail(this.#lost, where);
    const running = this.client.query<R>({ text: sql, values: [...params] });
    let stopping: Promise<void> | undefined;
    const onAbort = (): void => void (stopping = this.#stop(running));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return rowsOf(await running);
    } catch (error) {
      this.#hasFailed = true;
      throw signal.aborted ? signal.reason : this.fail(error, where);
    } finally {
      signal.removeEventListener('abort', onAbort);
      // The request must have been served before anything else runs here, or it would cancel that.
      await stopping;
      signal.throwIfAborted();
    }
  }

  /** See `Connection.isSound`. */
  isSound(): boolean {
    if (this.#hasFailed || this.#lost !== undefined || this.#farewell !== undefined || this.#stream.destroyed) return false;
    return !isBusy(this.client) && this.client.getTransactionStatus() === 'I';
  }

  /** See `Connection.cancel`. */
  async cancel(): Promise<void> {
    this.#hasFailed = true;
    const key = backendKeyOf(this.client);
    try {
      if (key === undefined || this.#stream.destroyed) throw new Error('nothing to cancel with');
      await sendCancelRequest(this.#settings, key, AbortSignal.timeout(GRACE_MS));
    } catch {
      // Whatever the reason: without its socket the backend ends at its next write.
      this.#stream.destroy();
    }
  }

  /** See `Connection.fail`. */
  fail(error: unknown, where: Omit<Where, 'endpoint' | 'database'>): Error {
    const { endpoint, database } = this.#settings;
    // What pg says once it is cut off has no code; the first error of the socket tells more.
    const isSilent = error instanceof Error && !('code' in error && error.code !== undefined);
    const told = (isSilent ? this.#lost : undefined) ?? error;
    const known = replicationErrorOf(told, { ...where, endpoint, database });
    if (known !== undefined) return known;
    if (isSilent && (this.#lost !== undefined || this.#stream.destroyed)) {
      return new ReplicationError(
        'connection-lost',
        { ...endpoint, reason: 'closed by the server or the network' },
        { cause: told },
      );
    }
    return error instanceof Error ? error : new Error('something was thrown that is no error', { cause: error });
  }

  [Symbol.asyncDispose](): Promise<void> {
    // Whoever disposes of it again waits for the same end.
    this.#farewell ??= this.#close();
    return this.#farewell;
  }

  async #close(): Promise<void> {
    if (isBusy(this.client)) await this.cancel();
    await within(
      GRACE_MS,
      this.client.end().catch(() => undefined),
    );
    this.#stream.destroy();
  }

  async #stop(running: Promise<unknown>): Promise<void> {
    await this.cancel();
    const ended = await within(
      GRACE_MS,
      running.then(
        () => undefined,
        () => undefined,
      ),
    );
    if (!ended) this.#stream.destroy();
  }

  #loginError(error: unknown): unknown {
    const where = { phase: 'connect' } as const;
    const told = this.fail(error, where);
    // What is left is pg's own verdict on the SCRAM exchange (it gives it no code), and whatever reading the password threw.
    const isScram = told === error && told.constructor === Error && told.message.startsWith('SASL');
    return isScram
      ? new ReplicationError('login-failed', { ...this.#settings.endpoint, sqlstate: 'SCRAM failed' }, { cause: error })
      : told;
  }
}

function rowsOf<R extends pg.QueryResultRow>(result: pg.QueryResult<R> | readonly pg.QueryResult<R>[]): readonly R[] {
  // Several statements in one text give several results.
  return 'rows' in result ? result.rows : (result.at(-1)?.rows ?? []);
}

/** The `options` of a start-up message: https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-STARTUPMESSAGE */
function startupOptions(parameters: Readonly<Record<string, string>>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `-c ${name}=${value.replaceAll(/[\\\s]/g, String.raw`\$&`)}`)
    .join(' ');
}

function isBusy(client: pg.Client): boolean {
  return 'readyForQuery' in client && client.readyForQuery === false;
}

async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), ms)));
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
