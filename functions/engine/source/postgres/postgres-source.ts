import type { Catalog, ServerInfo } from '../../model/catalog.ts';
import type { Clock } from '../../runtime/clock.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { InspectRequest, SourceFacts } from '../check-facts.ts';
import type { LogSession } from '../log-session.ts';
import type { Source, SourceSession } from '../source.ts';
import { ConnectionBudget } from './connection-budget.ts';
import { connect } from './connection.ts';
import type { Connection, ConnectionSettings } from './connection.ts';
import { inspect } from './check.ts';
import { databaseNames, discover } from './discover.ts';
import { KeptConnections } from './kept-connections.ts';
import { openLogSession } from './log/log-session.ts';
import { refusePooler } from './pooler.ts';
import { openSession } from './session.ts';
import type { Tunnel } from './tunnel.ts';

export interface PostgresSourceSettings {
  readonly connection: ConnectionSettings;
  /** What the connections go through; disposed of with the source. @default nothing, a direct way */
  readonly tunnel?: Tunnel;
  /** The only databases to look into. @default all that the role may connect to */
  readonly databases?: readonly string[];
  /** @default the system's */
  readonly clock?: Clock;
}

/** A PostgreSQL server, read over at most `connection.maxConnections` connections at a time. Connects when it is first asked for something. */
export function openPostgresSource(settings: PostgresSourceSettings): Source {
  return new PostgresSource(settings);
}

class PostgresSource implements Source {
  readonly #settings: PostgresSourceSettings;
  readonly #budget: ConnectionBudget;
  readonly #open = new Set<Connection>();
  readonly #kept = new KeptConnections();
  #server: ServerInfo | undefined;
  #isOver = false;

  constructor(settings: PostgresSourceSettings) {
    this.#settings = settings;
    this.#budget = new ConnectionBudget(settings.connection.maxConnections);
  }

  async info(signal: AbortSignal): Promise<ServerInfo> {
    if (this.#server !== undefined) return this.#server;
    await using connection = await this.#connect(this.#settings.connection.database, signal);
    return connection.server;
  }

  async discover(signal: AbortSignal): Promise<Catalog> {
    const { connection, databases, clock = systemClock } = this.#settings;
    return discover(
      {
        endpoint: connection.endpoint,
        database: connection.database,
        ...(databases === undefined ? {} : { databases }),
        open: (database, openSignal) => this.#connect(database, openSignal, 'keep'),
        now: () => clock.now(),
      },
      signal,
    );
  }

  async limit(connections: number): Promise<void> {
    this.#budget.resize(connections);
    // Nobody works with them, and each holds a place that is somebody else's now.
    await this.#kept[Symbol.asyncDispose]();
  }

  async session(database: string, signal: AbortSignal, afterwards: 'close' | 'keep' = 'close'): Promise<SourceSession> {
    return openSession(await this.#connect(database, signal, afterwards));
  }

  async inspect(request: InspectRequest, signal: AbortSignal): Promise<SourceFacts> {
    const { connection, databases, clock = systemClock } = this.#settings;
    return inspect(
      {
        ...request,
        database: connection.database,
        listDatabases: (first, listSignal) => databaseNames(first, databases, listSignal),
        open: (database, openSignal) => this.#connect(database, openSignal),
        clock,
      },
      signal,
    );
  }

  async logSession(database: string, signal: AbortSignal, afterwards: 'close' | 'keep' = 'close'): Promise<LogSession> {
    const { connection: settings, clock = systemClock } = this.#settings;
    const connection = await this.#connect(database, signal, afterwards);
    try {
      refusePooler(connection);
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw error;
    }
    return openLogSession({ connection, settings, clock });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#kept[Symbol.asyncDispose]();
    await Promise.all([...this.#open].map((connection) => connection[Symbol.asyncDispose]()));
    await this.#settings.tunnel?.[Symbol.asyncDispose]();
  }

  /** The same, for the next user when it is disposed of, unless someone waits for its place. */
  #keptAfter(connection: Connection): Connection {
    let isGivenUp = false;
    const giveUp = async (): Promise<void> => {
      if (isGivenUp) return;
      isGivenUp = true;
      if (this.#budget.isWanted || this.#isOver || !this.#kept.keep(connection)) await connection[Symbol.asyncDispose]();
    };
    return { ...connection, [Symbol.asyncDispose]: giveUp };
  }

  /** A connection that gives its place back when it is disposed of; one that was kept, where there is one. */
  async #connect(database: string, signal: AbortSignal, afterwards: 'close' | 'keep' = 'close'): Promise<Connection> {
    signal.throwIfAborted();
    const connection = this.#kept.take(database) ?? (await this.#connectAnew(database, signal));
    return afterwards === 'keep' ? this.#keptAfter(connection) : connection;
  }

  async #connectAnew(database: string, signal: AbortSignal): Promise<Connection> {
    if (this.#budget.isFull) await this.#kept.closeOne();
    const permit = await this.#budget.acquire(signal);
    try {
      const connection = await connect({ ...this.#settings.connection, database }, signal);
      this.#server ??= connection.server;
      const counted: Connection = {
        ...connection,
        [Symbol.asyncDispose]: async () => {
          await connection[Symbol.asyncDispose]();
          this.#open.delete(counted);
          permit[Symbol.dispose]();
        },
      };
      this.#open.add(counted);
      return counted;
    } catch (error) {
      permit[Symbol.dispose]();
      throw error;
    }
  }
}
