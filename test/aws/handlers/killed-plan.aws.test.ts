import { afterEach, describe, expect, test } from 'vitest';
import { setFailpoints } from '../../../functions/engine/runtime/failpoints.ts';
import { newExecution } from './functions.ts';
import type { Functions } from './functions.ts';
import { ledgerOf, world } from './world.ts';

describe('a plan that was killed between its lease and its record', () => {
  afterEach(() => setFailpoints(undefined));

  /** Leaves the lease with a job that nobody has a record of. */
  async function killedPlan(functions: Functions, execution: string): Promise<string> {
    let dies = true;
    setFailpoints((name) => {
      if (!dies || name !== 'lease.acquire.after') return undefined;
      dies = false;
      return Promise.reject(new Error('killed'));
    });
    await expect(functions.plan({ execution, trigger: 'schedule' })).rejects.toThrow('killed');
    const ledger = ledgerOf(functions);
    const holder = await ledger.holder();
    if (holder === undefined) throw new Error('nobody has the lease');
    expect(await ledger.job(holder.job)).toBeUndefined();
    return holder.job;
  }

  test('is closed when its execution ends, and the next start is not busy', async () => {
    await using it = await world();
    const { functions, ws } = it;
    const execution = newExecution();
    const dead = await killedPlan(functions, execution);
    const other = await functions.plan();

    expect(await functions.report({ kind: 'abandoned', execution: newExecution() })).toBeNull();
    const closed = await functions.report({ kind: 'abandoned', execution });
    const repeated = await functions.report({ kind: 'abandoned', execution });

    expect(other).toMatchObject({ state: 'skipped', reason: 'busy' });
    expect(closed).toMatchObject({ job: dead, state: 'stopped', events: [], next: null });
    expect(repeated).toBeNull();
    expect(await ws.reports()).toMatchObject([{ job: dead, trigger: 'schedule', state: 'stopped', tables: [] }]);
    expect(await ledgerOf(functions).job(dead)).toMatchObject({ state: 'stopped', execution });
    expect((await functions.execute()).reported?.state).toBe('complete');
  });

  test('is closed by the next try of the same execution, which then begins', async () => {
    await using it = await world();
    const { functions, ws } = it;
    const execution = newExecution();
    const dead = await killedPlan(functions, execution);

    const { planned, reported } = await functions.execute({ execution });

    expect(planned).toMatchObject({ state: 'started' });
    expect(planned.job).not.toBe(dead);
    expect(reported?.state).toBe('complete');
    expect((await ws.reports()).map(({ job, state, error }) => [job, state, error?.code])).toEqual([
      [dead, 'failed', 'job-died'],
      [planned.job, 'complete', undefined],
    ]);
  });

  test('and again while it was being closed is closed by the try after that', async () => {
    await using it = await world();
    const { functions, ws } = it;
    const execution = newExecution();
    const dead = await killedPlan(functions, execution);
    for (const place of ['job.record.before', 'job.record.after', 'report.ledger.before', 'report.ledger.after'] as const) {
      let dies = true;
      setFailpoints((name) => {
        if (!dies || name !== place) return undefined;
        dies = false;
        return Promise.reject(new Error('killed'));
      });
      await functions.plan({ execution }).catch(() => undefined);
      expect(dies).toBe(false);
    }

    const { reported } = await functions.execute({ execution });

    expect(reported?.state).toBe('complete');
    const reports = await ws.reports();
    expect(reports.map(({ job }) => job).filter((job) => job === dead).length).toBe(1);
    expect(reports.find(({ job }) => job === dead)).toMatchObject({ state: 'failed', error: { code: 'job-died' } });
  });
});
