import { describe, expect, test } from 'vitest';
import type { JobRecord } from '../../functions/engine/ledger/ledger.ts';
import { keys } from '../../functions/engine/ledger/keys.ts';
import { FaultyStore } from '../support/faults.ts';
import { all } from './ledger-clock.ts';
import { acquired, batch, codeOf, ledgerFixture, vastBatch } from './ledger-fixture.ts';
import type { StoreUnderTest } from './ledger-store.suite.ts';

/** Control, documents, jobs, reports. */
export function ledgerRecordsContract(start: () => Promise<StoreUnderTest>): void {
  describe('records', () => {
    const fixture = ledgerFixture(start);
    const record = (job: string): JobRecord => ({
      job,
      state: 'running',
      trigger: 'manual',
      startedAt: '2026-11-22T08:00:00.000Z',
    });

    test('control is empty at first and keeps every change', async () => {
      const { ledger } = fixture.next();
      expect(await ledger().control()).toEqual({});

      await Promise.all([
        ledger().updateControl((now) => ({ ...now, pausedAt: 'x' })),
        ledger().updateControl((now) => ({ ...now, stopRequested: 'job-1' })),
      ]);

      expect(await ledger().control()).toEqual({ pausedAt: 'x', stopRequested: 'job-1' });
      expect(await ledger().updateControl(() => ({}))).toEqual({});
    });

    test('documents hold any JSON under any id, and are removed', async () => {
      const { ledger } = fixture.next();
      const own = ledger();
      const values = { 'stream/shop.public."We#rd" %': { a: [1, null] }, 'stream/null': null, 'stream/zero': 0, other: 'x' };
      for (const [id, value] of Object.entries(values)) expect(await own.updateDocument(id, () => value)).toEqual(value);

      const streams = await own.documents('stream/');
      expect([...streams].map(([id, { value }]) => [id, value])).toEqual(
        Object.entries(values)
          .slice(0, 3)
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      );
      expect((await own.document('stream/null'))?.value).toBeNull();
      expect(await own.updateDocument('other', () => undefined)).toBeUndefined();
      expect(await own.updateDocument('other', () => undefined)).toBeUndefined();

      expect(await own.document('other')).toBeUndefined();
      expect(await own.updateDocument('other', (now) => (now === undefined ? 'made anew' : 'kept'))).toBe('made anew');
    });

    test('a document that many change at once keeps every change', async () => {
      const { ledger } = fixture.next();

      await Promise.all(Array.from({ length: 24 }, () => ledger().updateDocument('n', (now) => Number(now ?? 0) + 1)));

      expect((await ledger().document('n'))?.value).toBe(24);
    });

    test('a change that changes nothing writes nothing', async () => {
      const { ledger, store } = fixture.next();
      const counting = new FaultyStore(store(), { at: 0, fault: 'before' });
      const own = ledger(counting);
      await own.updateDocument('d', () => ({ a: 1 }));

      await own.updateDocument('d', (now) => now);

      expect(counting.writes).toBe(1);
    });

    test('ten thousand documents are listed', async () => {
      const { ledger, fill } = fixture.next();
      const ids = Array.from({ length: 10_000 }, (_, n) => `stream/shop.public.table_${String(n).padStart(5, '0')}`);
      await fill(ids.map((id) => ({ id: keys.document(id), body: JSON.stringify({ value: { id, version: 1 } }) })));

      const documents = await ledger().documents('stream/');

      expect([...documents.keys()]).toEqual(ids);
      expect([...documents.values()].every(({ value }) => (value as { version: number }).version === 1)).toBe(true);
    });

    test('what is damaged is named', async () => {
      const { ledger, store, name } = fixture.next();
      await store().put(name, 'doc#broken', '{"value":', 0);
      await store().put(name, 'head#broken', '{"fence":"x"}', 0);

      await expect(ledger().document('broken')).rejects.toThrow('The item "doc#broken" of the state store');
      expect(await codeOf(ledger().head('broken'))).toBe('ledger-damaged');
    });

    test('jobs are listed newest first, from a place on, up to a limit', async () => {
      const { ledger } = fixture.next();
      const jobs = ['20261122T080000.000Z-000001', '20261122T080000.000Z-000002', '20261123T080000.000Z-000001'];
      for (const job of jobs) await ledger().updateJob(job, () => record(job));
      await ledger().updateJob('20261122T080000.000Z-000001', (now) => ({ ...(now ?? record('')), state: 'complete', rows: 7 }));

      const listed = async (query?: Parameters<ReturnType<typeof ledger>['jobs']>[0]) =>
        (await all(ledger().jobs(query))).map(({ job }) => jobs.indexOf(job));

      expect(await listed()).toEqual([2, 1, 0]);
      expect(await listed({ limit: 2 })).toEqual([2, 1]);
      expect(await listed({ before: jobs[2] ?? '', limit: 1 })).toEqual([1]);
      expect(await ledger().job(jobs[0] ?? '')).toMatchObject({ state: 'complete', rows: 7 });
      expect(await ledger().job('none')).toBeUndefined();
    });

    test.each([
      ['an empty report', ''],
      ['a short report', '{"a":"ä"}'],
      ['a report of 5 MB', `"${'0123456789äöü𝄞'.repeat(280_000)}"`],
    ])('%s comes back as it was', async (_, report) => {
      const { ledger } = fixture.next();

      await ledger().saveReport('job-1', report);

      expect((await ledger().report('job-1')) === report).toBe(true);
      expect(await ledger().report('job-2')).toBeUndefined();
    });

    test('a report that is saved again replaces all of the one before', async () => {
      const { ledger, store, name } = fixture.next();
      await ledger().saveReport('job-1', 'a'.repeat(1_000_000));
      await ledger().saveReport('job-1', 'b'.repeat(700_000));
      expect((await all(store().list(name, { prefix: 'piece#' }))).length).toBe(3);

      await ledger().saveReport('job-1', 'short');

      expect(await ledger().report('job-1')).toBe('short');
      expect(await all(store().list(name, { prefix: 'piece#' }))).toEqual([]);
    });

    test('a reader never sees a mixture of two reports', async () => {
      const { ledger } = fixture.next();
      const size = 700_000;
      await ledger().saveReport('job-1', 'a'.repeat(size));
      const saver = { isOver: false };
      const saving = (async () => {
        for (const letter of 'bcdefgh') await ledger().saveReport('job-1', letter.repeat(size));
        saver.isOver = true;
      })();

      do {
        const seen = (await ledger().report('job-1')) ?? '';
        expect(seen === (seen[0] ?? '').repeat(size)).toBe(true);
      } while (!saver.isOver);
      await saving;
    });

    test('forgetting removes jobs with all that is theirs, and nothing of later ones', async () => {
      const { ledger, store, name } = fixture.next();
      const own = ledger();
      for (const job of ['job-1', 'job-2', 'job-3']) {
        const lease = await acquired(own, job);
        await own.updateJob(job, () => record(job));
        const claim = await lease.claim(`copy/${job}`, 'w');
        for (let n = 0; n < 20; n += 1) await claim.commit(batch(`${n}`));
        await claim.commit(vastBatch('vast'));
        await lease.retire(claim);
        await own.saveWork(job, ['unit']);
        await own.saveReport(job, 'x'.repeat(400_000));
        await lease.release();
      }

      expect(await own.forgetJobsBefore('job-3')).toBe(2);
      expect(await own.forgetJobsBefore('job-3')).toBe(0);

      expect((await all(own.jobs())).map(({ job }) => job)).toEqual(['job-3']);
      expect((await all(own.commits('job-3'))).length).toBe(21);
      expect((await own.report('job-3'))?.length).toBe(400_000);
      const left = (await all(store().list(name, { prefix: '' }))).map(({ id }) => id);
      expect(left.filter((id) => id.includes('job-1') || id.includes('job-2'))).toEqual([]);
      expect(left.filter((id) => id.includes('job-3')).length).toBe(21 + 3 + 1 + 1 + 2 + 2);
    });
  });
}
