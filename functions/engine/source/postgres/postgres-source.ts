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
  #server: ServerInfo | undefined;

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
        open: (database, openSignal) => this.#connect(database, openSignal),
        now: () => clock.now(),
      },
      signal,
    );
  }

  async session(database: string, signal: AbortSignal): Promise<SourceSession> {
    return openSession(await this.#connect(database, signal));
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

  async logSession(database: string, signal: AbortSignal): Promise<LogSession> {
    const { connection: settings, clock = systemClock } = this.#settings;
    const connection = await this.#connect(database, signal);
    try {
      refusePooler(connection);
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw error;
    }
    return openLogSession({ connection, settings, clock });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open].map((connection) => connection[Symbol.asyncDispose]()));
    await this.#settings.tunnel?.[Symbol.asyncDispose]();
  }

  /** A connection that gives its place back when it is disposed of. */
  async #connect(database: string, signal: AbortSignal): Promise<Connection> {
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
