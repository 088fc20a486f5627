import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProgressEvent } from '../../../functions/engine/jobs/progress.ts';
import { newestMajor, startServer } from '../../support/postgres.ts';
import type { ServerAddress, TestServer } from '../../support/postgres.ts';
import { openTestWorkspace } from '../../support/workspace.ts';
import { changeItems, expectItems, fillItems, WAYS } from './items.ts';
import { runEngine, untilComplete } from './run-engine.ts';
import { sql } from './sql.ts';

/** What a job may end with whose server went away more often than it tries. `slot-active`: the server has not yet noticed that its reader is gone. */
const ALLOWED = ['connection-lost', 'host-unreachable', 'server-not-ready', 'slot-active', 'stream-refused', 'copy-interrupted'];

/** Something that happens while a job reads. */
export interface Fault {
  /** Rows between one time and the next. */
  readonly everyRows: number;
  readonly times: number;
  /** How the job reaches the server. @default directly */
  readonly way?: (server: TestServer) => Promise<ServerAddress & AsyncDisposable>;
  readonly happen: (server: TestServer, way: ServerAddress) => Promise<unknown>;
}

/** Tests of one fault for every way of reading, on a server of their own: whatever happens, in the end each row is there, and every object is what its report says. */
export function whileReading(name: string, fault: Fault): void {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer(newestMajor);
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  describe(name, () => {
    test.each(WAYS)('while it reads %s: nothing is lost, nothing is named twice', async (what, phase, lines) => {
      const database = `faults_${what.replaceAll(/[^a-z]/g, '_')}`;
      await sql(server, 'postgres', `create database ${database}`);
      await fillItems(server, database);
      await using way = (await fault.way?.(server)) ?? { ...addressOf(server), [Symbol.asyncDispose]: () => Promise.resolve() };
      await using ws = await openTestWorkspace({ ...addressOf(way), database }, { lines });
      if (phase === 'log') {
        await runEngine(ws);
        await changeItems(server, database, 'with-delete');
      }
      const faults = faultsOf(fault, () => fault.happen(server, way));

      await untilComplete(ws, { progress: faults.progress, allowed: ALLOWED, most: 8 });
      await faults.settled();

      expect(faults.count()).toBeGreaterThan(0);
      await expectItems(ws, server, database);
    });
  });
}

function addressOf({ host, port }: ServerAddress): ServerAddress {
  return { host, port };
}

/** Calls `happen` after every so many rows; `settled` resolves when all of it is over. */
function faultsOf(
  { everyRows, times }: Fault,
  happen: () => Promise<unknown>,
): {
  readonly progress: (event: ProgressEvent) => void;
  readonly count: () => number;
  readonly settled: () => Promise<void>;
} {
  let seen = 0;
  let count = 0;
  let last: Promise<unknown> = Promise.resolve();
  return {
    progress: (event) => {
      if (event.kind !== 'rows') return;
      seen += event.rows;
      if (count >= times || seen < everyRows * (count + 1)) return;
      count += 1;
      last = last.then(happen);
    },
    count: () => count,
    settled: async () => {
      await last;
    },
  };
}
