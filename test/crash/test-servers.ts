import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PostgresServer } from '../../functions/demo/postgres-server.ts';
import { createCluster, startCluster } from '../support/postgres-cluster.ts';

/** PostgreSQL servers for a script, each started when it is first asked for; all end when it is disposed of. */
export interface TestServers extends AsyncDisposable {
  /** A folder that goes with the servers. */
  readonly runDirectory: string;
  readonly serverOf: (major: number) => Promise<PostgresServer>;
}

export async function openTestServers(): Promise<TestServers> {
  const runDirectory = await mkdtemp(join(tmpdir(), 'backstitch-crash-'));
  // Servers do not run as root; they have to come by here.
  await chmod(runDirectory, 0o711);
  const aborted = new AbortController();
  const servers = new Map<number, Promise<PostgresServer>>();
  return {
    runDirectory,
    serverOf: (major) => {
      const known = servers.get(major);
      if (known !== undefined) return known;
      const starting = createCluster(major, runDirectory, aborted.signal).then((cluster) =>
        startCluster(cluster, {}, aborted.signal),
      );
      servers.set(major, starting);
      return starting;
    },
    [Symbol.asyncDispose]: async () => {
      aborted.abort();
      for (const server of await Promise.allSettled(servers.values()))
        if (server.status === 'fulfilled') await server.value.stop('immediate');
      await rm(runDirectory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
