import type { PlanOutput, WorkInput } from '../../../functions/contract.ts';
import type { Ledger } from '../../../functions/engine/ledger/ledger.ts';
import { openLedger } from '../../../functions/engine/ledger/open-ledger.ts';
import { systemClock } from '../../../functions/engine/runtime/clock.ts';
import { silentLogger } from '../../../functions/engine/runtime/logger.ts';
import { openCloudWorkspace, startCloud } from '../../e2e/support/cloud.ts';
import type { Cloud } from '../../e2e/support/cloud.ts';
import { createDatabase, newestMajor } from '../../support/postgres.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import type { TestWorkspace } from '../../support/workspace.ts';
import { deploy } from './functions.ts';
import type { Functions } from './functions.ts';

/** Two connections, a copy of each table. */
export const ONE_EACH = [
  'connections: 2',
  'tables:',
  '  - { table: public.first, method: FULL_TABLE }',
  '  - { table: public.second, method: FULL_TABLE }',
];

/** An integration as deployed, with its source and its cloud. */
export interface World extends AsyncDisposable {
  readonly cloud: Cloud;
  readonly db: TestDatabase;
  readonly ws: TestWorkspace;
  readonly functions: Functions;
}

/** Two tables, of which the first is the larger one, and so the first unit. */
export async function world(lines: readonly string[] = ONE_EACH): Promise<World> {
  const opened: AsyncDisposable[] = [];
  const keep = <T extends AsyncDisposable>(one: T): T => {
    opened.unshift(one);
    return one;
  };
  const dispose = async (): Promise<void> => {
    for (const one of opened) await one[Symbol.asyncDispose]();
  };
  try {
    const cloud = keep(await startCloud());
    const db = keep(await createDatabase(newestMajor, { sessionsAtEnd: 'any' }));
    await db.query(`
      create table first as select n as id, repeat('x', 100) as label from generate_series(1, 20000) n;
      create table second as select n as id, repeat('y', 100) as label from generate_series(1, 500) n;
      analyze`);
    const ws = keep(await openCloudWorkspace(cloud, db, { lines }));
    const functions = keep(await deploy(ws));
    return { cloud, db, ws, functions, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The two workers of a job that was started. */
export function workersOf(planned: PlanOutput): readonly [WorkInput, WorkInput] {
  if (planned.state !== 'started') throw new Error(`it is ${planned.state}`);
  const [w0, w1] = planned.workers;
  if (w0 === undefined || w1 === undefined) throw new Error('two workers were expected');
  return [w0, w1];
}

/** The ledger as an onlooker has it. */
export function ledgerOf({ sandbox }: Functions): Ledger {
  return openLedger(sandbox.store, 'shop', { clock: systemClock, logger: silentLogger });
}

/** Stops the next object from becoming visible until it is told to go on. */
export function holdUploads(cloud: Cloud): { readonly release: () => void; readonly reached: Promise<void> } {
  let release = (): void => undefined;
  const until = new Promise<void>((resolve) => {
    release = resolve;
  });
  let note = (): void => undefined;
  const reached = new Promise<void>((resolve) => {
    note = resolve;
  });
  let held = false;
  cloud.s3.faults.decide((operation) => {
    if (held || (operation !== 'PutObject' && operation !== 'CompleteMultipartUpload')) return undefined;
    held = true;
    note();
    return { kind: 'wait', until };
  });
  return { release, reached };
}
