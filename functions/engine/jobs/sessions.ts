import type { Source, SourceSession } from '../source/source.ts';

/** The one session of a worker: kept from unit to unit of the same database, closed before another database is read, so that a worker is never more than one connection. */
export interface Sessions extends AsyncDisposable {
  of(database: string, signal: AbortSignal): Promise<SourceSession>;
  /** Closes the session to a database if that is the open one: after a failure a fresh one is wanted. */
  drop(database: string): Promise<void>;
  /** Closes the open session, whatever its database: before work that opens one of its own, which would otherwise wait for a place in the budget that this one holds. */
  close(): Promise<void>;
}

export function openSessions(source: Source): Sessions {
  let open: SourceSession | undefined;
  const close = async (): Promise<void> => {
    const closing = open;
    open = undefined;
    await closing?.[Symbol.asyncDispose]();
  };
  return {
    async of(database, signal) {
      if (open?.database === database) return open;
      await close();
      open = await source.session(database, signal);
      return open;
    },
    async drop(database) {
      if (open?.database === database) await close();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
