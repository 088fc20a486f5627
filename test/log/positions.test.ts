import { describe, expect, test } from 'vitest';
import { relationIndex } from '../../functions/engine/jobs/log/relation-index.ts';
import { PlaceInside, SkipDone } from '../../functions/engine/jobs/log/skip-done.ts';
import { parseSlotBookmark, sameBookmark, slotBookmarkJson } from '../../functions/engine/jobs/log/slot-bookmark.ts';
import type { SlotBookmark } from '../../functions/engine/jobs/log/slot-bookmark.ts';
import { whyNot } from '../../functions/engine/jobs/log/find-gap.ts';
import { slotGap } from '../../functions/engine/jobs/log/slot-gap.ts';
import type { JobStream } from '../../functions/engine/jobs/job.ts';
import type { LogRelation } from '../../functions/engine/model/log-change.ts';
import type { Lsn } from '../../functions/engine/model/lsn.ts';
import { endOfTimeline } from '../../functions/engine/source/postgres/log/trace-timeline.ts';
import type { SlotState } from '../../functions/engine/source/log.ts';

const lsn = (value: number): Lsn => BigInt(value) as Lsn;

const BOOKMARK: SlotBookmark = {
  slot: 'backstitch_shop',
  plugin: 'pgoutput',
  systemIdentifier: '7',
  timeline: 1,
  lsn: lsn(1_000),
  inside: null,
  truncated: {},
};

describe('a bookmark inside a transaction', () => {
  /** Changes of one transaction as positions; several rows of one COPY share one. */
  const changes = [10, 20, 20, 20, 30].map(lsn);

  test.each([0, 1, 2, 3, 4, 5])('left after %i changes, passes over exactly these', (done) => {
    const place = new PlaceInside();
    place.begin(lsn(500));
    for (const change of changes.slice(0, done)) place.at(change);
    const skip = new SkipDone(place.bookmark);

    skip.begin(lsn(500));
    const again = changes.map((change) => skip.isDone(change));

    expect(again).toEqual(changes.map((_, index) => index < done));
  });

  test('says nothing of other transactions', () => {
    const skip = new SkipDone({ commitLsn: lsn(500), lsn: lsn(30), count: 1 });

    skip.begin(lsn(600));

    expect(skip.isDone(lsn(10))).toBe(false);
  });

  test('is none between transactions', () => {
    const place = new PlaceInside();
    place.begin(lsn(500));
    place.at(lsn(10));
    place.end();

    expect(place.bookmark).toBeNull();
  });
});

test('a bookmark survives the ledger, with positions beyond what a number can hold', () => {
  const bookmark: SlotBookmark = {
    ...BOOKMARK,
    lsn: 18_446_744_073_709_551_615n as Lsn,
    inside: { commitLsn: 9_007_199_254_740_993n as Lsn, lsn: lsn(1), count: 3 },
    truncated: { 'shop.public.orders': 5 },
  };

  const kept = parseSlotBookmark(slotBookmarkJson(bookmark));

  expect(kept).toEqual(bookmark);
  expect(kept !== undefined && sameBookmark(kept, bookmark)).toBe(true);
  expect(sameBookmark(bookmark, BOOKMARK)).toBe(false);
});

describe('a slot', () => {
  const slot: SlotState = {
    slot: 'backstitch_shop',
    database: 'shop',
    plugin: 'pgoutput',
    kind: 'logical',
    activePid: null,
    activeApplication: null,
    restartLsn: lsn(900),
    confirmedLsn: lsn(1_000),
    walStatus: 'reserved',
    invalidationReason: null,
    retainedBytes: 0n,
    safeBytes: null,
    isTwoPhase: false,
    isFailover: false,
  };
  const end = { lsn: lsn(2_000), systemIdentifier: '7', timeline: 1, at: '2026-01-01T00:00:00Z' };
  const place = { integration: 'shop', database: 'shop' };

  test.each([
    ['where the bookmark is', {}, {}, undefined],
    ['behind the bookmark, after a job that died before it confirmed', { confirmedLsn: lsn(800) }, {}, undefined],
    ['ahead of the bookmark', { confirmedLsn: lsn(1_001) }, {}, 'slot-ahead'],
    ['of another name', { slot: 'other' }, {}, 'slot-changed'],
    ['of another server', {}, { systemIdentifier: '8' }, 'server-changed'],
    ['of a server that may not say who it is', {}, { systemIdentifier: null }, undefined],
    ['of a server that was restored from a backup', {}, { lsn: lsn(999) }, 'server-went-back'],
  ] as const)('%s', (_, slotChange, endChange, code) => {
    expect(slotGap(place, BOOKMARK, { ...slot, ...slotChange }, { ...end, ...endChange })?.code).toBe(code);
  });
});

describe('relations of the log', () => {
  const stream = (id: string, oid: number, storage: readonly { schema: string; table: string; oid: number }[] = []): JobStream =>
    ({
      id,
      table: {
        oid,
        name: { database: 'shop', schema: 'public', table: id },
        storage: storage.map((place) => ({ ...place, pages: 0 })),
      },
    }) as unknown as JobStream;
  const relation = (oid: number, table: string): LogRelation => ({
    oid,
    schema: 'public',
    table,
    replicaIdentity: 'default',
    columns: [],
  });
  const orders = stream('orders', 1);
  const events = stream('events', 2, [{ schema: 'public', table: 'events_2026', oid: 3 }]);
  const child = stream('child', 5);
  const parent = stream('parent', 4, [
    { schema: 'public', table: 'parent', oid: 4 },
    { schema: 'public', table: 'child', oid: 5 },
  ]);
  const index = relationIndex([orders, events, child, parent]);

  test.each([
    ['a table by its OID, whatever its name is now', relation(1, 'renamed'), ['orders']],
    ['a table by its name, where the plugin sends no OID', relation(0, 'orders'), ['orders']],
    ['a leaf as its root', relation(3, 'events_2026'), ['events']],
    ['a leaf by its name', relation(0, 'events_2026'), ['events']],
    ['a child by inheritance as itself and its parent', relation(5, 'child'), ['child', 'parent']],
    ['a parent once', relation(4, 'parent'), ['parent']],
    ['nothing for a table that is not replicated', relation(9, 'other'), []],
    ['nothing for another table of a known name', relation(9, 'orders'), []],
  ] as const)('give %s', (_, of, streams) => {
    expect(index(of).map((found) => found.id)).toEqual(streams);
  });
});

describe('the history of a server', () => {
  const HISTORY = '1\t0/3000060\tno recovery target specified\n\n2\t1A/FF\tbefore 2026-11-22 08:00:00+00\n';

  test.each([
    [1, 0x3000060n],
    [2, 0x1a_0000_00ffn],
    [3, undefined],
    [0, undefined],
  ])('left timeline %i where its file says', (timeline, at) => {
    expect(endOfTimeline(HISTORY, timeline)).toBe(at);
    expect(endOfTimeline('', timeline)).toBeUndefined();
  });

  test.each([
    ['on the same timeline', { state: 'same', now: 1 }, true],
    ['that left it behind the bookmark', { state: 'left', now: 2, at: lsn(1_001) }, true],
    ['that left it right at the bookmark', { state: 'left', now: 2, at: lsn(1_000) }, true],
    ['that left it before the bookmark', { state: 'left', now: 2, at: lsn(999) }, false],
    ['that was never on it', { state: 'elsewhere', now: 2 }, false],
    ['that is not told', { state: 'untold', reason: 'stream-refused' }, false],
  ] as const)('%s goes through a bookmark, or not', (_, trace, holds) => {
    expect(whyNot(trace, { lsn: lsn(1_000) }) === undefined).toBe(holds);
  });
});
