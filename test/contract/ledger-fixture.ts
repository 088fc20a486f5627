import { afterAll, beforeAll } from 'vitest';
import type { Claim, Commit, CommitTable, Json, Lease, Ledger } from '../../functions/engine/ledger/ledger.ts';
import { openLedger } from '../../functions/engine/ledger/open-ledger.ts';
import type { LedgerStore } from '../../functions/engine/ledger/store.ts';
import { silentLogger } from '../../functions/engine/runtime/logger.ts';
import { ManualClock } from './ledger-clock.ts';
import type { StoreUnderTest } from './ledger-store.suite.ts';

export const TTL_MS = 60_000;

/** Ledgers of one integration after another, each with a clock of its own. */
export interface LedgerFixture {
  /** A new integration. */
  next(): Integration;
}

export interface Integration {
  readonly name: string;
  readonly clock: ManualClock;
  /** A ledger as another process would open it, on a store of its own or on the one given. */
  readonly ledger: (store?: LedgerStore) => Ledger;
  readonly store: () => LedgerStore;
  readonly fill: (items: readonly { readonly id: string; readonly body: string }[]) => Promise<void>;
}

/** Starts a store before the tests of a block, and ends it after them. */
export function ledgerFixture(start: () => Promise<StoreUnderTest>): LedgerFixture {
  let under: StoreUnderTest;
  let count = 0;
  const opened: LedgerStore[] = [];
  beforeAll(async () => {
    under = await start();
  });
  afterAll(async () => {
    for (const store of opened) await store[Symbol.asyncDispose]();
    await under[Symbol.asyncDispose]();
  });
  return {
    next: () => {
      const name = `shop_${++count}`;
      const clock = new ManualClock();
      const store = (): LedgerStore => {
        const made = under.open();
        opened.push(made);
        return made;
      };
      return {
        name,
        clock,
        store,
        fill: (items) => under.fill(name, items),
        ledger: (given = store()) => openLedger(given, name, { clock, logger: silentLogger, alarm: clock.alarm }),
      };
    },
  };
}

/** Takes the lease, which must be free. */
export async function acquired(ledger: Ledger, job: string): Promise<Lease> {
  const lease = await ledger.acquire(job, TTL_MS);
  if (lease.state === 'busy') throw new Error(`busy with ${lease.job}`);
  return lease;
}

/** A batch that says which one it is. */
export function batch(name: string, after: Json = name, facts: CommitTable['facts'] = {}): Parameters<Claim['commit']>[0] {
  const object = {
    key: `k/${name}`,
    kind: 'copy',
    rows: 1,
    bytes: 2,
    jsonBytes: 3,
    sha256: '00',
    firstSequence: '1',
    lastSequence: '2',
  } as const;
  return {
    tables: [{ stream: 'shop.public.orders', tableVersion: 1, objects: [object], rowsRead: 1, facts: { name, ...facts } }],
    after,
  };
}

/** A batch of so many tables as no single item has room for. */
export function vastBatch(name: string, after: Json = name): ReturnType<typeof batch> {
  const tables = Array.from({ length: 1_500 }, (_, n) => batch(`${name}/${n}`, after, { note: 'ä'.repeat(100) }).tables).flat();
  return { tables, after };
}

/** The names of the objects of commits. */
export function objectsOf(commits: readonly Pick<Commit, 'tables'>[]): readonly string[] {
  return commits.flatMap(({ tables }) => tables.flatMap(({ objects }) => objects.map(({ key }) => key.slice(2))));
}

/** The code that a promise fails with. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return 'nothing was thrown';
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
}
