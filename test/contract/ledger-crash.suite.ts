import { describe, expect, test } from 'vitest';
import type { Ledger } from '../../functions/engine/ledger/ledger.ts';
import { FaultyStore } from '../support/faults.ts';
import type { Fault } from '../support/faults.ts';
import { all } from './ledger-clock.ts';
import { batch, ledgerFixture, objectsOf, TTL_MS } from './ledger-fixture.ts';
import type { StoreUnderTest } from './ledger-store.suite.ts';

const UNITS = 2;
const BATCHES = 2;
/** Jobs that are tried beside each other, each with an integration of its own. */
const AT_ONCE = 8;

/**
 * A small job that can be run any number of times: for each unit it commits batches from the bookmark on and notes the unit as done before it retires the head.
 */
async function runJob(ledger: Ledger, job: string): Promise<void> {
  const lease = await ledger.acquire(job, TTL_MS);
  if (lease.state === 'busy') throw new Error('busy');
  await using _held = lease;
  await ledger.updateJob(
    job,
    (now) => now ?? { job, state: 'running', trigger: 'manual', startedAt: '2026-11-22T08:00:00.000Z' },
  );
  await ledger.saveWork(
    job,
    Array.from({ length: UNITS }, (_, unit) => unit),
  );
  const work = await ledger.work(job);
  for (;;) {
    const [taken] = await work.take('w1', 1);
    if (taken === undefined) break;
    const head = `copy/${Number(taken.unit)}`;
    const done = ((await ledger.document('done'))?.value ?? []) as readonly string[];
    if (done.includes(head)) continue;
    const claim = await lease.claim(head, 'w1', 0);
    for (let at = Number(claim.head.bookmark) + 1; at <= BATCHES; at += 1) await claim.commit(sized(`${head}/${at}`, at));
    await ledger.updateDocument('done', (now) => [...((now ?? []) as readonly string[]).filter((other) => other !== head), head]);
    await lease.retire(claim);
  }
  // Heads of units that are noted as done: a job was killed before it retired them.
  await ledger.removeHeads('copy/');
  const objects = objectsOf(await all(ledger.commits(job)));
  await ledger.saveReport(job, JSON.stringify(objects));
  await ledger.updateJob(job, (now) => ({ job, trigger: 'manual', startedAt: now?.startedAt ?? '', state: 'complete' }));
  await lease.release();
}

/** The second batch of each unit is kept in pages. */
function sized(name: string, at: number): ReturnType<typeof batch> {
  return batch(name, at, at === BATCHES ? { note: 'x'.repeat(310_000) } : {});
}

/** A job that dies at any of its writes. */
export function ledgerCrashContract(start: () => Promise<StoreUnderTest>): void {
  describe('a job killed at any write', () => {
    const fixture = ledgerFixture(start);
    const everything = Array.from({ length: UNITS }, (_, unit) =>
      Array.from({ length: BATCHES }, (_, at) => `copy/${unit}/${at + 1}`),
    ).flat();

    /** Tries the first write, the second, and so on, until a job gets by without meeting the fault. */
    async function forEachWrite(isMet: (at: number) => Promise<boolean>): Promise<number> {
      for (let first = 1; ; first += AT_ONCE) {
        const met = await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => isMet(first + n)));
        if (met.includes(false)) return first + met.indexOf(false) - 1;
      }
    }

    test.each<[Fault, string, boolean]>([
      ['before', 'goes on as the same job', true],
      ['after', 'goes on as the same job', true],
      ['before', 'is followed by another job', false],
      ['after', 'is followed by another job', false],
    ])('(%s it takes effect) and %s: each batch is committed once', async (fault, _, isSameJob) => {
      const writes = await forEachWrite(async (at) => {
        const { ledger, store, clock } = fixture.next();
        const faulty = new FaultyStore(store(), { at, fault, isDead: true });
        await runJob(ledger(faulty), 'job-1').catch((error: unknown) => {
          if (!faulty.hasFailed) throw error;
        });
        clock.freeze(TTL_MS);

        const second = isSameJob ? 'job-1' : 'job-2';
        await runJob(ledger(), second);

        const before = isSameJob ? [] : objectsOf(await all(ledger().commits('job-1')));
        const after = objectsOf(await all(ledger().commits(second)));
        expect([...before, ...after].sort(), `write ${at}`).toEqual(everything);
        expect(JSON.parse((await ledger().report(second)) ?? '')).toEqual(after);
        expect(await all(ledger().heads('')), `write ${at}`).toEqual([]);
        expect((await ledger().job(second))?.state).toBe('complete');
        expect(await ledger().holder()).toBeUndefined();
        return faulty.hasFailed;
      });

      expect(writes).toBeGreaterThan(20);
    });

    test.each<[Fault]>([['before'], ['after']])(
      'a single write that fails (%s it takes effect) is made good by trying again in the same process',
      async (fault) => {
        await forEachWrite(async (at) => {
          const { ledger, store } = fixture.next();
          const faulty = new FaultyStore(store(), { at, fault });
          const own = ledger(faulty);

          await runJob(own, 'job-1').catch(() => runJob(own, 'job-1'));

          expect(objectsOf(await all(ledger().commits('job-1'))), `write ${at}`).toEqual(everything);
          return faulty.hasFailed;
        });
      },
    );
  });
}
