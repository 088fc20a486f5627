import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineOutcome } from './engine-child.ts';
import { runEngine } from './engine-run.ts';
import type { EngineJob } from './engine-run.ts';
import { createRunFolder } from './server.ts';
import type { BenchServer } from './server.ts';

export type Plugin = 'pgoutput' | 'wal2json';

/** The slot that runs read; copied from the base of its plugin for each of them. */
export const RUN_SLOT = 'bench_run';

/** What is read from a slot, and where the state is kept that its jobs begin with. */
export interface SlotJob {
  readonly folder: string;
  readonly plugin: Plugin;
  readonly compression: EngineJob['compression'];
  /** Names in the schema `public`. */
  readonly tables: readonly string[];
  readonly changes: number;
}

/** Lets a job of ours make slot, publication and bookmark, then keeps the state and a copy of the slot as the base of all runs. */
export async function prepareSlot(server: BenchServer, job: Pick<SlotJob, 'folder' | 'plugin' | 'tables'>): Promise<void> {
  await using run = await createRunFolder();
  await runEngine({ server, folder: run.path, compression: 'none', lines: linesOf(job) });
  await cp(join(run.path, 'state'), stateOf(job), { recursive: true });
  await server.query(`
    select pg_copy_logical_replication_slot('${RUN_SLOT}', 'base_${job.plugin}', false);
    select pg_drop_replication_slot('${RUN_SLOT}')`);
}

/** The slot as it was when it was prepared. */
export async function freshSlot(server: BenchServer, plugin: Plugin): Promise<void> {
  await server.query(`select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '${RUN_SLOT}'`);
  await server.query(`select pg_copy_logical_replication_slot('base_${plugin}', '${RUN_SLOT}', false)`);
}

/** One job of ours, from a fresh slot, in a folder that is gone afterwards. Throws an Error if it did not read `changes`. */
export async function readSlot(server: BenchServer, job: SlotJob): Promise<EngineOutcome> {
  await using run = await createRunFolder();
  const { compression, changes } = job;
  const outcome = await runEngine({ server, folder: run.path, compression, lines: linesOf(job), state: stateOf(job) });
  if (outcome.rows !== changes) throw new Error(`${outcome.rows} changes in place of ${changes}`);
  return outcome;
}

function stateOf({ folder, plugin }: Pick<SlotJob, 'folder' | 'plugin'>): string {
  return join(folder, `state-${plugin}`);
}

function linesOf({ plugin, tables }: Pick<SlotJob, 'plugin' | 'tables'>): readonly string[] {
  return [
    'connections: 1',
    `logBased: { plugin: ${plugin}, consume: stream, slot: ${RUN_SLOT} }`,
    'tables:',
    ...tables.map((table) => `  - { table: public.${table}, method: LOG_BASED }`),
  ];
}
