import type { JobRecord, Ledger } from '../ledger/ledger.ts';

/**
 * The record of the job of an execution that took the lease and died before it had one: made now, of what the lease says, so that the job can be closed as any other. Undefined where the
 * lease is free, or another's. One read where there is nothing to do.
 */
export async function recordHolder(
  ledger: Pick<Ledger, 'holder' | 'updateJob'>,
  execution: string,
): Promise<JobRecord | undefined> {
  const holder = await ledger.holder();
  if (holder?.start?.execution !== execution) return undefined;
  const { job, start } = holder;
  return ledger.updateJob(job, (now) => now ?? { job, state: 'running', ...start });
}
