import { describe, expect, it } from 'vitest';
import { createTally, renderProgress } from '../../functions/cli/progress-tally.ts';
import { showProgress } from '../../functions/cli/progress.ts';
import type { ProgressEvent } from '../../functions/engine/jobs/progress.ts';
import { displayWidth } from '../../functions/engine/report/render-text.ts';
import type { Clock } from '../../functions/engine/runtime/clock.ts';
import { fakeConsole } from './fake-console.ts';

const title = { title: 'shop', preparation: 'reading the structure' };
const ORDERS = 'shop.public.orders';
const planned: ProgressEvent = { kind: 'planned', streams: 2, units: 4, estimatedRows: 1000 };
const started = (stream = ORDERS): ProgressEvent => ({ kind: 'unit-started', stream, what: 'range 1' });
const rows = (count: number, stream = ORDERS): ProgressEvent => ({ kind: 'rows', stream, rows: count, jsonBytes: count * 100 });
const done = (stream = ORDERS): ProgressEvent => ({ kind: 'unit-done', stream });

describe('the tally', () => {
  it('prepares until a plan is there', () => {
    const tally = createTally(1_000);

    expect(tally.view(3_000)).toMatchObject({ phase: 'preparing', elapsedMs: 2_000, share: 0 });
  });

  it('adds up rows and units, and says who works', () => {
    const tally = createTally(0);
    for (const event of [planned, started(), started('shop.public.users'), rows(300), rows(5, 'shop.public.users'), done()])
      tally.apply(event, 100);

    expect(tally.view(100)).toMatchObject({
      phase: 'working',
      streams: 2,
      unitsDone: 1,
      units: 4,
      rows: 305,
      jsonBytes: 30_500,
      active: [{ stream: 'shop.public.users', what: 'range 1', rows: 5 }],
    });
  });

  it('keeps a stream active while one of its units is', () => {
    const tally = createTally(0);
    for (const event of [planned, started(), started(), done()]) tally.apply(event, 0);

    expect(tally.view(0).active.map((stream) => stream.stream)).toEqual([ORDERS]);
    tally.apply(done(), 0);
    expect(tally.view(0).active).toEqual([]);
  });

  it('tells rate and remaining time from the last ten seconds', () => {
    const tally = createTally(0);
    tally.apply(planned, 0);
    tally.apply(rows(100), 0);
    tally.view(0);
    tally.apply(rows(100), 1_000);
    tally.view(1_000);
    tally.apply(rows(200), 5_000);
    tally.view(6_000);
    const view = tally.view(12_000);

    // From the sample at 6 s on: everything older has left the window.
    expect(view.rowsPerSecond).toBe(0);
    expect(view.remainingMs).toBeUndefined();
    tally.apply(rows(60), 13_000);
    expect(tally.view(14_000)).toMatchObject({
      rowsPerSecond: 7.5,
      bytesPerSecond: 750,
      remainingRows: 540,
      remainingMs: 72_000,
    });
  });

  const shares: readonly (readonly [string, readonly ProgressEvent[], number])[] = [
    ['by estimated rows', [planned, rows(250)], 0.25],
    ['by units where the estimate was short', [planned, rows(5000), done()], 0.25],
    ['by units without an estimate', [{ ...planned, estimatedRows: 0 }, done(), done()], 0.5],
    ['never whole before the last unit', [planned, rows(999)], 0.99],
    ['whole after the last unit', [planned, done(), done(), done(), done()], 1],
    [
      'less again when units are added',
      [{ ...planned, estimatedRows: 0 }, done(), done(), { kind: 'units-added', count: 4 }],
      0.25,
    ],
    ['whole where nothing is to do', [{ kind: 'planned', streams: 0, units: 0, estimatedRows: 0 }], 1],
  ];
  it.each(shares)('tells the share %s', (_, events, share) => {
    const tally = createTally(0);
    for (const event of events) tally.apply(event, 0);

    expect(tally.view(0).share).toBe(share);
  });

  it('begins anew with the next plan', () => {
    const tally = createTally(0);
    for (const event of [planned, started(), rows(10), { kind: 'stream-failed', stream: 'x', code: 'query-failed' } as const])
      tally.apply(event, 0);
    tally.apply(planned, 60_000);

    expect(tally.view(61_000)).toMatchObject({ rows: 0, unitsDone: 0, active: [], failed: [], elapsedMs: 1_000 });
  });
});

describe('the lines', () => {
  const tally = createTally(0);
  const hostile = 'shop.public.x\u001b[2J\n';
  tally.apply(planned, 0);
  for (const stream of [ORDERS, hostile, 'c', 'd', 'e', 'f']) tally.apply(started(stream), 0);
  tally.apply(rows(120, hostile), 0);
  tally.view(0);
  tally.apply(rows(300), 1_000);
  tally.apply({ kind: 'stream-failed', stream: 'y', code: 'query-failed' }, 1_000);

  it('say how far it is, how fast, and what remains', () => {
    const [head, first, second] = renderProgress(title, tally.view(2_000), 200);

    expect(head).toBe(
      'shop  ████████░░░░░░░░░░░░  42 %  0 of 4 units (2 streams)  420 rows  15.0 KB/s  about 4 s left  1 failed',
    );
    expect(first).toBe('  shop.public.orders  range 1, 300 rows');
    expect(second).toBe('  shop.public.x\\u001b[2J\\u000a  range 1, 120 rows');
  });

  it.each([20, 40, 80])('fit a terminal of %i columns', (columns) => {
    const lines = renderProgress(title, tally.view(2_000), columns);

    expect(lines).toHaveLength(6);
    expect(lines.at(-1)).toMatch(/^ {2}and 2 more/);
    for (const line of lines) expect(displayWidth(line)).toBeLessThan(columns);
  });
});

describe('the display', () => {
  /** A clock whose waits end when the test says so. */
  function steppedClock(): { readonly clock: Clock; readonly step: () => Promise<void> } {
    let nowMs = 0;
    let wake = (): void => undefined;
    return {
      clock: {
        now: () => new Date(nowMs),
        sleep: (ms, signal) =>
          new Promise((resolve, reject) => {
            wake = () => {
              nowMs += ms;
              resolve();
            };
            signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
          }),
      },
      step: async () => {
        wake();
        for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
      },
    };
  }

  it('redraws its lines in place, writes above them, and takes them away', async () => {
    const console = fakeConsole({ terminal: true });
    const { clock, step } = steppedClock();
    {
      await using display = showProgress({ ...title, err: console.err, clock, mode: 'shown' });
      display.listener(planned);
      display.listener(started());
      await step();
      display.say(console.out, 'A line\n');
      await step();
    }
    const up = [...console.written.err.matchAll(/\u001b\[(\d+)A/g)].map((match) => Number(match[1]));

    expect(console.written.err).toContain('0 of 4 units');
    expect(console.written.out).toBe('A line\n');
    // Every line drawn was gone up over before the end.
    expect(up.length).toBeGreaterThanOrEqual(2);
    expect(console.written.err.endsWith('\u001b[2A\r\u001b[0J')).toBe(true);
  });

  it.each([
    ['in a pipe', { terminal: false, mode: 'shown' }],
    ['when it is to be quiet', { terminal: true, mode: 'quiet' }],
  ] as const)('draws nothing %s, but says what is said', async (_, { terminal, mode }) => {
    const console = fakeConsole({ terminal });
    {
      await using display = showProgress({ ...title, err: console.err, clock: steppedClock().clock, mode });
      display.listener(planned);
      display.say(console.err, 'A line\n');
    }

    expect(console.written.err).toBe('A line\n');
  });
});
