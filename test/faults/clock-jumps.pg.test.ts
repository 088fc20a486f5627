import { describe, expect, test } from 'vitest';
import type { Clock } from '../../functions/engine/runtime/clock.ts';
import { systemClock } from '../../functions/engine/runtime/clock.ts';
import { setFailpoints } from '../../functions/engine/runtime/failpoints.ts';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { openTestWorkspace } from '../support/workspace.ts';
import type { TestWorkspace } from '../support/workspace.ts';
import { changeItems, expectItems, fillItems, WAYS } from './support/items.ts';
import { runEngine, untilComplete } from './support/run-engine.ts';

/** One of each method; a view and a peeked log hold their leases like them. */
const READ = WAYS.filter(([name]) => ['a full table in ranges', 'a table by key', 'a log that is streamed'].includes(name));
const HOUR_MS = 3_600_000;
/** What a clock may cost a job; never a row. */
const ALLOWED = ['lease-lost', 'fenced-out'];

/** A wall clock that can be set, as by an administrator or a bad time server. */
class SetClock implements Clock {
  offsetMs: number;

  constructor(offsetMs = 0) {
    this.offsetMs = offsetMs;
  }

  now(): Date {
    return new Date(Date.now() + this.offsetMs);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }
}

interface World extends AsyncDisposable {
  readonly db: TestDatabase;
  readonly ws: TestWorkspace;
}

async function world(phase: 'copy' | 'log', lines: readonly string[]): Promise<World> {
  const db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
  await fillItems(db, db.database);
  const ws = await openTestWorkspace(db, {
    lines: lines.map((line) => line.replace('pgoutput', `pgoutput, slot: ${db.database}`)),
  });
  if (phase === 'log') {
    await runEngine(ws);
    await changeItems(db, db.database, 'with-delete');
  }
  return {
    db,
    ws,
    [Symbol.asyncDispose]: async () => {
      await ws[Symbol.asyncDispose]();
      await db[Symbol.asyncDispose]();
    },
  };
}

/** Runs `act` once, at the first rows. */
function atFirstRows(act: () => void): (event: { readonly kind: string }) => void {
  let done = false;
  return ({ kind }) => {
    if (kind !== 'rows' || done) return;
    done = true;
    act();
  };
}

describe.each(READ)('while it reads %s', (name, phase, lines) => {
  const changes = name === 'a table by key' ? 'updates' : 'with-delete';

  test.each([
    ['ahead', 2 * HOUR_MS],
    ['back', -2 * HOUR_MS],
  ])('the clock is set two hours %s: it may cost the job, but no row', async (__, jumpMs) => {
    await using it = await world(phase, lines);
    const clock = new SetClock();

    await untilComplete(it.ws, { clock, progress: atFirstRows(() => (clock.offsetMs = jumpMs)), allowed: ALLOWED });
    await changeItems(it.db, it.db.database, changes);
    // As the clock is now, and as it was before.
    await untilComplete(it.ws, { clock, allowed: ALLOWED });
    await changeItems(it.db, it.db.database, changes);
    await untilComplete(it.ws, { allowed: ALLOWED });

    await expectItems(it.ws, it.db, it.db.database);
  });

  test('another machine, whose clock is ahead, takes its lease for over and works beside it: one of them ends with an error, and no row is lost', async () => {
    await using it = await world(phase, lines);
    const ahead = new SetClock(HOUR_MS);
    let other: Promise<unknown> | undefined;

    const first = await runEngine(it.ws, {
      progress: atFirstRows(() => {
        other = untilComplete(it.ws, { clock: ahead, allowed: [...ALLOWED, 'slot-active'] });
      }),
    });
    await other;
    await changeItems(it.db, it.db.database, changes);
    await untilComplete(it.ws, { clock: ahead, allowed: ALLOWED });

    expect(other).toBeDefined();
    expect(['complete', 'failed', 'partial', 'stopped']).toContain(first.report?.state ?? 'failed');
    await expectItems(it.ws, it.db, it.db.database);
  });

  test('another machine, whose clock is ahead, takes its lease at its very end: it says that it failed, as its report does', async () => {
    await using it = await world(phase, lines);
    let others: Promise<unknown> | undefined;
    setFailpoints(async (point) => {
      if (point !== (phase === 'log' ? 'confirm.after' : 'activate.after') || others !== undefined) return;
      others = untilComplete(it.ws, { clock: new SetClock(HOUR_MS), allowed: ALLOWED });
      await others;
    });
    const { report } = await runEngine(it.ws).finally(() => setFailpoints(undefined));

    const written = (await it.ws.reports()).find(({ job }) => job === report?.job);
    expect(others).toBeDefined();
    expect(report).toMatchObject({ state: 'failed', error: { code: 'lease-lost' } });
    expect(written).toMatchObject({ state: 'failed', error: { code: 'job-died' } });
    await expectItems(it.ws, it.db, it.db.database);
  });
});
