import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { stopLeftover, type PostgresServer } from '../../functions/demo/postgres-server.ts';
import { createCluster, startCluster } from './postgres-cluster.ts';
import { chosenMajors } from './postgres-packages.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where tests ask for servers, which majors there are, and the folder for private ones. */
    postgres: { readonly url: string; readonly majors: readonly number[]; readonly runDirectory: string };
  }
}

const PREFIX = 'backstitch-test-';

/** Offers PostgreSQL servers to the tests of one run: each major starts when the first test asks for it, and all end with the run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await removeLeftovers();
  const runDirectory = await mkdtemp(join(tmpdir(), PREFIX));
  await chmod(runDirectory, 0o711);
  await writeFile(join(runDirectory, 'owner'), `${process.pid}`);
  const aborted = new AbortController();
  const servers = new Map<number, Promise<PostgresServer>>();
  const serverOf = (major: number): Promise<PostgresServer> => {
    const known = servers.get(major);
    if (known !== undefined) return known;
    const starting = createCluster(major, runDirectory, aborted.signal).then((cluster) =>
      startCluster(cluster, {}, aborted.signal),
    );
    servers.set(major, starting);
    return starting;
  };
  const desk = createServer((request, response) => {
    serverOf(Number(request.url?.slice(1))).then(
      ({ host, port }) => response.end(JSON.stringify({ host, port })),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
    );
  }).listen(0, '127.0.0.1');
  await once(desk, 'listening');
  desk.unref();
  const address = desk.address();
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
  project.provide('postgres', {
    url: `http://127.0.0.1:${address.port}`,
    majors: chosenMajors(process.env.BACKSTITCH_TEST_PG),
    runDirectory,
  });

  const teardown = async (): Promise<void> => {
    aborted.abort();
    desk.close();
    desk.closeAllConnections();
    for (const server of await Promise.allSettled(servers.values()))
      if (server.status === 'fulfilled') await server.value.stop('immediate');
    await removeRun(runDirectory);
  };
  // Vitest ends itself on SIGINT; without these, the other signals would leave the servers behind until the next run.
  for (const signal of ['SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => void teardown().finally(() => process.exit(143)));
  return teardown;
}

/** Ends what runs of killed processes left behind. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const owner = Number(await readFile(join(tmpdir(), name, 'owner'), 'utf8').catch(() => ''));
    if (owner > 0 && !isAlive(owner)) await removeRun(join(tmpdir(), name));
  }
}

async function removeRun(runDirectory: string): Promise<void> {
  for (const entry of await readdir(runDirectory).catch(() => [])) await stopLeftover(join(runDirectory, entry, 'data'));
  await rm(runDirectory, { recursive: true, force: true, maxRetries: 5 });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
