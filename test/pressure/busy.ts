import type { TestDatabase } from '../support/postgres.ts';

/** Sessions of others that run a statement each until they are ended. */
export interface BusySessions extends AsyncDisposable {
  end(): Promise<void>;
}

export async function busySessions(db: TestDatabase, count: number): Promise<BusySessions> {
  const clients = await Promise.all(Array.from({ length: count }, () => db.connect({ application_name: 'application' })));
  const running = clients.map((client) => client.query('select pg_sleep(600)').catch(() => undefined));
  const end = async (): Promise<void> => {
    await db.query(
      `select pg_cancel_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'application' and state = 'active'`,
    );
    await Promise.all(running);
  };
  return { end, [Symbol.asyncDispose]: end };
}
