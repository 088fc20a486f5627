import type { Connection } from './connection.ts';

/** Long enough from one step of a job to the next, too short for a firewall or the server to have forgotten the connection. */
const KEEP_MS = 2_000;

interface Kept {
  readonly connection: Connection;
  readonly timer: NodeJS.Timeout;
}

/**
 * Connections between two users: a login costs a process of the server, several round trips and an empty cache of its catalog. Only sound ones, outside of any transaction, and for a
 * moment; nobody ever waits for a place that one of them holds.
 */
export class KeptConnections implements AsyncDisposable {
  readonly #kept: Kept[] = [];

  /** For someone else in the same database. False: it is not fit for that, and is still the caller's to close. */
  keep(connection: Connection): boolean {
    if (!connection.isSound()) return false;
    const timer = setTimeout(() => void this.#remove(connection)?.[Symbol.asyncDispose](), KEEP_MS).unref();
    this.#kept.push({ connection, timer });
    return true;
  }

  /** One that is open to this database, now the caller's. */
  take(database: string): Connection | undefined {
    const found = this.#kept.findLast(({ connection }) => connection.database === database && connection.isSound());
    return found === undefined ? undefined : this.#remove(found.connection);
  }

  /** Closes the one that has been kept longest, for its place. */
  async closeOne(): Promise<void> {
    const [oldest] = this.#kept;
    if (oldest !== undefined) await this.#remove(oldest.connection)?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Of a copy: each that is closed leaves the list.
    const all = this.#kept.map(({ connection }) => connection);
    await Promise.all(all.map(async (connection) => await this.#remove(connection)?.[Symbol.asyncDispose]()));
  }

  #remove(connection: Connection): Connection | undefined {
    const at = this.#kept.findIndex((kept) => kept.connection === connection);
    const [kept] = at < 0 ? [] : this.#kept.splice(at, 1);
    clearTimeout(kept?.timer);
    return kept?.connection;
  }
}
