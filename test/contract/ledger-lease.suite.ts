import { describe, expect, test } from 'vitest';
import { openLedger } from '../../functions/engine/ledger/open-ledger.ts';
import { silentLogger } from '../../functions/engine/runtime/logger.ts';
import { FaultyStore } from '../support/faults.ts';
import { pick, until } from './ledger-clock.ts';
import { acquired, codeOf, ledgerFixture, TTL_MS } from './ledger-fixture.ts';
import type { StoreUnderTest } from './ledger-store.suite.ts';

/** One job at a time. */
export function ledgerLeaseContract(start: () => Promise<StoreUnderTest>): void {
  describe('lease', () => {
    const fixture = ledgerFixture(start);

    test('of 50 jobs that want it at once exactly one has it, and the others are told which', async () => {
      const { ledger } = fixture.next();
      const ledgers = Array.from({ length: 10 }, () => ledger());

      const results = await Promise.all(Array.from({ length: 50 }, (_, n) => pick(ledgers, n).acquire(`job-${n}`, TTL_MS)));

      const winners = results.flatMap((result) => (result.state === 'held' ? [result] : []));
      expect(winners.length).toBe(1);
      for (const result of results) if (result.state === 'busy') expect(result.job).toBe(winners[0]?.job);
      expect((await ledger().holder())?.job).toBe(winners[0]?.job);
    });

    test('is never taken while it is live, and is taken over on the moment of its expiry', async () => {
      const { ledger, clock } = fixture.next();
      await using dead = await acquired(ledger(), 'job-1');
      clock.freeze(TTL_MS - 1);
      expect(await ledger().acquire('job-2', TTL_MS)).toEqual({
        state: 'busy',
        job: 'job-1',
        expiresAt: '2026-11-22T08:01:00.000Z',
      });

      clock.freeze(1);
      expect(await ledger().holder()).toBeUndefined();
      await using lease = await acquired(ledger(), 'job-2');

      expect(lease.previous).toBe('job-1');
      expect(lease.epoch).toBe(dead.epoch + 1);
      expect((await ledger().holder())?.job).toBe('job-2');
    });

    test('is ours until somebody else has it; whoever lost it learns that when it asks, and gives nothing up', async () => {
      const { ledger, clock } = fixture.next();
      await using first = await acquired(ledger(), 'job-1');
      expect(await first.isStillOurs()).toBe(true);
      clock.freeze(TTL_MS);
      expect(await first.isStillOurs()).toBe(true);

      await using second = await acquired(ledger(), 'job-2');

      expect(await first.isStillOurs()).toBe(false);
      expect(first.lost.aborted).toBe(true);
      await first.release();
      expect((await ledger().holder())?.job).toBe('job-2');
      expect(await second.isStillOurs()).toBe(true);
      await second.release();
      expect(await ledger().holder()).toBeUndefined();
    });

    test('that was renewed since it was asked for is given up all the same', async () => {
      const { ledger, clock } = fixture.next();
      await using lease = await acquired(ledger(), 'job-1');
      expect(await lease.isStillOurs()).toBe(true);
      clock.advance(TTL_MS / 2);
      await until(async () => Date.parse((await ledger().holder())?.expiresAt ?? '') > clock.now().getTime() + TTL_MS / 2);

      await lease.release();

      expect(await ledger().holder()).toBeUndefined();
    });

    test('that was released leaves nobody to clean up after, and epochs go on', async () => {
      const { ledger } = fixture.next();
      const first = await acquired(ledger(), 'job-1');
      await first.release();
      await first.release();
      expect(await ledger().holder()).toBeUndefined();

      await using second = await acquired(ledger(), 'job-2');

      expect(second.previous).toBeUndefined();
      expect(second.epoch).toBe(first.epoch + 1);
      expect(await codeOf(first.claim('h', 'w'))).toBe('lease-lost');
      await first.release();
      expect((await ledger().holder())?.job).toBe('job-2');
    });

    test('a job that asks again, since its answer was lost, still has it', async () => {
      const { ledger, store } = fixture.next();
      await expect(ledger(new FaultyStore(store(), { at: 1, fault: 'after' })).acquire('job-1', TTL_MS)).rejects.toThrow(
        'write 1',
      );

      await using lease = await acquired(ledger(), 'job-1');

      expect(lease.epoch).toBe(1);
      expect(lease.previous).toBeUndefined();
    });

    test('renewal keeps it for as long as it is held, and ends with it', async () => {
      const { ledger, clock } = fixture.next();
      const lease = await acquired(ledger(), 'job-1');
      const watcher = ledger();

      for (let n = 0; n < 9; n += 1) {
        const before = await watcher.holder();
        clock.advance(TTL_MS / 3);
        // Renewed, and its two alarms (for the next renewal, for the expiry) are set again.
        await until(async () => (await watcher.holder())?.expiresAt !== before?.expiresAt && clock.pendingAlarms === 2);
        expect((await watcher.acquire('job-2', TTL_MS)).state).toBe('busy');
      }
      expect(lease.lost.aborted).toBe(false);
      await lease[Symbol.asyncDispose]();

      expect(clock.pendingAlarms).toBe(0);
      clock.advance(TTL_MS);
      expect(lease.lost.aborted).toBe(false);
      expect(await watcher.holder()).toBeUndefined();
    });

    test('says how its job began, through renewals, joining and taking over, until another job has it', async () => {
      const { ledger, clock } = fixture.next();
      const start = { trigger: 'schedule', startedAt: '2026-11-22T08:00:00.000Z', execution: 'arn:of:execution' };
      const held = await ledger().acquire('job-1', TTL_MS, start);
      if (held.state === 'busy') throw new Error('busy');
      const watcher = ledger();
      expect(await watcher.holder()).toEqual({ job: 'job-1', expiresAt: '2026-11-22T08:01:00.000Z', start });

      clock.advance(TTL_MS / 3);
      await until(async () => (await watcher.holder())?.expiresAt === '2026-11-22T08:01:20.000Z');
      expect((await watcher.holder())?.start).toEqual(start);
      await held[Symbol.asyncDispose]();
      clock.freeze(TTL_MS / 2);
      await using _joined = await ledger().join('job-1', TTL_MS);
      expect((await watcher.holder())?.start).toEqual(start);
      await using taken = await ledger().takeOver('job-1', TTL_MS);
      expect((await watcher.holder())?.start).toEqual(start);
      await taken.release();
      await using _other = await acquired(ledger(), 'job-2');

      expect(await watcher.holder()).toMatchObject({ job: 'job-2' });
      expect((await watcher.holder())?.start).toBeUndefined();
    });

    test('workers of one job renew it together', async () => {
      const { ledger, clock } = fixture.next();
      await using lease = await acquired(ledger(), 'job-1');
      const workers = await Promise.all(Array.from({ length: 8 }, () => ledger().join('job-1', TTL_MS)));
      const watcher = ledger();

      for (let n = 0; n < 6; n += 1) {
        const before = await watcher.holder();
        clock.advance(TTL_MS / 3);
        await until(async () => (await watcher.holder())?.expiresAt !== before?.expiresAt);
        // All nine have a new alarm for renewal and one for expiry again.
        await until(() => clock.pendingAlarms === 18);
      }

      expect([lease, ...workers].map(({ lost }) => lost.aborted)).not.toContain(true);
      for (const worker of workers) await worker[Symbol.asyncDispose]();
    });

    test('is lost as soon as a renewal finds another job', async () => {
      const { ledger, clock } = fixture.next();
      const lease = await acquired(ledger(), 'job-1');
      // A machine whose clock is far ahead takes it too early.
      clock.freeze(TTL_MS + 1);
      await using other = await acquired(ledger(), 'job-2');
      clock.freeze(-TTL_MS);

      clock.advance(TTL_MS / 3);
      await until(() => lease.lost.aborted);

      expect(lease.lost.reason).toMatchObject({ code: 'lease-lost' });
      expect(other.lost.aborted).toBe(false);
    });

    test('is lost when the store refuses to answer until it runs out', async () => {
      const { ledger, store, clock } = fixture.next();
      const broken = new FaultyStore(store(), { at: 2, fault: 'before', isDead: true });
      const lease = await acquired(ledger(broken), 'job-1');

      for (let n = 0; n < 12 && !lease.lost.aborted; n += 1) {
        clock.advance(TTL_MS / 12);
        await clock.sleep(1);
      }

      expect(lease.lost.reason).toMatchObject({ code: 'lease-lost' });
      expect(clock.pendingAlarms).toBe(0);
    });

    test('survives a renewal that fails once', async () => {
      const { ledger, store, clock } = fixture.next();
      const faulty = new FaultyStore(store(), { at: 2, fault: 'before' });
      await using lease = await acquired(ledger(faulty), 'job-1');

      clock.advance(TTL_MS / 3);
      await until(() => faulty.hasFailed && clock.pendingAlarms === 2);
      clock.advance(TTL_MS / 12);
      await until(async () => (await ledger().holder())?.expiresAt === '2026-11-22T08:01:25.000Z');

      expect(lease.lost.aborted).toBe(false);
    });

    test('a worker that was frozen beyond its time notices before it claims or commits', async () => {
      const { ledger, clock } = fixture.next();
      const claiming = await acquired(ledger(), 'job-1');
      const claim = await claiming.claim('h', 'w');

      clock.freeze(TTL_MS);

      expect(await codeOf(claim.commit({ tables: [], after: null }))).toBe('lease-lost');
      expect(claiming.lost.aborted).toBe(true);
      expect((await ledger().head('h'))?.batch).toBe(0);
    });

    test('is joined only under the job that has it', async () => {
      const { ledger, clock } = fixture.next();
      expect(await codeOf(ledger().join('job-1', TTL_MS))).toBe('lease-lost');
      await using lease = await acquired(ledger(), 'job-1');
      expect(await codeOf(ledger().join('job-2', TTL_MS))).toBe('lease-lost');

      // No worker was running for a while: nobody took it, so it goes on.
      clock.freeze(TTL_MS * 2);
      await using worker = await ledger().join('job-1', TTL_MS);

      expect(worker.epoch).toBe(lease.epoch);
      expect((await ledger().holder())?.expiresAt).toBe('2026-11-22T08:03:00.000Z');
      await worker.release();
      expect(await codeOf(ledger().join('job-1', TTL_MS))).toBe('lease-lost');
    });

    test('is taken from the workers of its own job by whoever closes it: they can claim nothing from then on, and commit nothing that was claimed anew', async () => {
      const { ledger } = fixture.next();
      await using _planned = await acquired(ledger(), 'job-1');
      await using worker = await ledger().join('job-1', TTL_MS);
      const claim = await worker.claim('taken', 'w0');
      const other = await worker.claim('not-yet', 'w0');

      await using closer = await ledger().takeOver('job-1', TTL_MS);
      await closer.claim('taken', 'close');

      expect(closer.epoch).toBe(worker.epoch + 1);
      expect(await codeOf(claim.commit({ tables: [], after: 'late' }))).toBe('fenced-out');
      // A head that nobody has claimed since: the claim is written, seen to be too late, and never used.
      expect(await codeOf(worker.claim('unknown', 'w0'))).toBe('lease-lost');
      expect(worker.lost.aborted).toBe(true);
      expect(await codeOf(other.commit({ tables: [], after: 'late' }))).toBe('lease-lost');
      expect((await ledger().head('unknown'))?.bookmark ?? null).toBeNull();
      expect((await ledger().holder())?.job).toBe('job-1');
    });

    test('is taken over only from the job that has it, and not once it was given up', async () => {
      const { ledger } = fixture.next();
      expect(await codeOf(ledger().takeOver('job-1', TTL_MS))).toBe('lease-lost');
      const lease = await acquired(ledger(), 'job-1');
      expect(await codeOf(ledger().takeOver('job-2', TTL_MS))).toBe('lease-lost');
      await using closer = await ledger().takeOver('job-1', TTL_MS);
      // Of an earlier epoch: it is not theirs to give up.
      await lease.release();
      expect((await ledger().holder())?.job).toBe('job-1');

      await closer.release();

      expect(await codeOf(ledger().takeOver('job-1', TTL_MS))).toBe('lease-lost');
    });

    test('of a process that is known to be gone is taken over at once, of one that may live it is not', async () => {
      const { clock, name, store } = fixture.next();
      const open = (identity: string, gone: readonly string[]) =>
        openLedger(store(), name, {
          clock,
          logger: silentLogger,
          alarm: clock.alarm,
          owner: { identity, isGone: async (other) => gone.includes(other) },
        });
      await using _held = await acquired(open('host/1', []), 'job-1');
      expect((await open('host/2', []).acquire('job-2', TTL_MS)).state).toBe('busy');
      expect((await open('host/2', []).holder())?.job).toBe('job-1');
      expect(await open('host/3', ['host/1']).holder()).toBeUndefined();

      await using lease = await acquired(open('host/3', ['host/1']), 'job-3');

      expect(lease.previous).toBe('job-1');
      expect((await open('host/4', ['host/1']).acquire('job-4', TTL_MS)).state).toBe('busy');
    });
  });
}
