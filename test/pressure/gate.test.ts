import { describe, expect, test } from 'vitest';
import { openPressureGate } from '../../functions/engine/jobs/pressure-gate.ts';
import type { Peers, PressureGate } from '../../functions/engine/jobs/pressure-gate.ts';
import type { JobSettings } from '../../functions/engine/jobs/job.ts';
import type { PressureSettings } from '../../functions/engine/jobs/pressure.ts';
import { ReplicationError } from '../../functions/engine/model/errors.ts';
import type { PressureLook } from '../../functions/engine/source/pressure-look.ts';
import { CALM, LIMITS, recordingLog, settled, SteppedClock } from './support.ts';

const never = new AbortController().signal;
const BUSY: PressureLook = { ...CALM, activeBackends: 99 };

/** A gate over a source whose state the test sets. */
function scene(peers: Peers, pressure: PressureSettings = LIMITS) {
  const clock = new SteppedClock();
  const { log, events } = recordingLog();
  const source = { now: CALM as PressureLook | Error, looks: 0 };
  const look = (signal: AbortSignal): Promise<PressureLook> => {
    source.looks += 1;
    signal.throwIfAborted();
    return source.now instanceof Error ? Promise.reject(source.now) : Promise.resolve(source.now);
  };
  const gate = openPressureGate({ settings: { pressure } as JobSettings, clock, log }, peers);
  return { clock, events, source, look, gate };
}

function open(gate: PressureGate | undefined): PressureGate {
  if (gate === undefined) throw new Error('there is no gate');
  return gate;
}

test.each<[string, Peers, PressureSettings]>([
  ['is turned off', { kind: 'here', workers: 8 }, { kind: 'off' }],
  ['would hold a worker that is alone', { kind: 'here', workers: 1 }, LIMITS],
  ['would hold a worker that is alone in all processes', { kind: 'elsewhere', workers: 1, index: 0 }, LIMITS],
])('there is no gate where it %s', (_, peers, settings) => {
  expect(scene(peers, settings).gate).toBeUndefined();
});

describe('workers of one process', () => {
  const peers: Peers = { kind: 'here', workers: 3 };

  test('share a look, and take another one when it is too old', async () => {
    const { gate, look, source, clock } = scene(peers);
    const places = ['w0', 'w1', 'w2'].map((worker) => open(gate).place(worker));

    await Promise.all(places.map((place) => place.ask(look, never)));
    await clock.advance(9_999);
    await Promise.all(places.map((place) => place.ask(look, never)));
    const before = source.looks;
    await clock.advance(1);
    await Promise.all(places.map((place) => place.ask(look, never)));

    expect([before, source.looks]).toEqual([1, 2]);
  });

  test('come down to one as they end their units, and all go on when the source is calm again', async () => {
    const { gate, look, source, clock, events } = scene(peers);
    const [a, b, c] = ['w0', 'w1', 'w2'].map((worker) => open(gate).place(worker));
    if (a === undefined || b === undefined || c === undefined) throw new Error('no places');
    const free = [await a.ask(look, never), await b.ask(look, never), await c.ask(look, never)];

    source.now = BUSY;
    await clock.advance(10_000);
    const held = [await b.ask(look, never), await a.ask(look, never), await c.ask(look, never), await c.ask(look, never)];
    const waits = Promise.all([a.wait(look, never), b.wait(look, never)]);
    await clock.advance(10_000);
    const stillHeld = await waits;
    source.now = CALM;
    const answers: string[] = [];
    for (const place of [a, b]) {
      void (async () => {
        let answer: string;
        while ((answer = await place.wait(look, never)) === 'hold') answers.push(answer);
        answers.push(answer);
      })();
    }
    await settled();
    for (let n = 0; n < 3; n += 1) await clock.advance(10_000);

    expect(free).toEqual(['go', 'go', 'go']);
    expect(held).toEqual(['hold', 'hold', 'go', 'go']);
    expect(stillHeld).toEqual(['hold', 'hold']);
    expect(answers.filter((answer) => answer === 'go')).toHaveLength(2);
    expect(answers.filter((answer) => answer === 'hold')).toHaveLength(4);
    open(gate)[Symbol.dispose]();
    expect(events.map(({ level, event, fields }) => [level, event, fields])).toEqual([
      ['WARNING', 'reads-held-back', { to: 1, of: 3, why: 'active-backends', activeBackends: 99, activeBackendsLimit: 25 }],
      ['INFO', 'reads-go-on', { heldSeconds: 40 }],
      ['INFO', 'reads-were-held-back', { times: 1, heldSeconds: 40, waitedSeconds: 80 }],
    ]);
  });

  test('at the beginning under pressure: the first who comes reads, whatever its number', async () => {
    const { gate, look, source } = scene(peers);
    source.now = BUSY;
    const places = ['w2', 'w0', 'w1'].map((worker) => open(gate).place(worker));

    expect(await Promise.all(places.map((place) => place.ask(look, never)))).toEqual(['go', 'hold', 'hold']);
  });

  test('when the one that reads leaves, the next goes on at once', async () => {
    const { gate, look, source, clock } = scene(peers);
    source.now = BUSY;
    const [a, b] = ['w0', 'w1'].map((worker) => open(gate).place(worker));
    await a?.ask(look, never);
    await b?.ask(look, never);
    const waiting = b?.wait(look, never);
    await settled();

    a?.leave();

    expect(await waiting).toBe('go');
    expect(clock.sleeping).toBe(0);
  });

  test.each(['before it waits', 'while it waits'])('one that is stopped %s is let out at once, without a look', async (when) => {
    const { gate, look, source, clock } = scene(peers);
    source.now = BUSY;
    const [a, b] = ['w0', 'w1'].map((worker) => open(gate).place(worker));
    await a?.ask(look, never);
    const stop = new AbortController();
    if (when === 'before it waits') stop.abort();
    const waiting = b?.wait(look, stop.signal);
    await settled();
    stop.abort();

    expect(await waiting).toBe('hold');
    expect([clock.sleeping, source.looks]).toEqual([0, 1]);
  });

  test('a stop during a look says nothing of the source', async () => {
    const { gate, clock } = scene(peers);
    const place = open(gate).place('w0');
    const stop = new AbortController();
    const hanging = (signal: AbortSignal): Promise<PressureLook> =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    const asking = place.ask(hanging, stop.signal);
    await settled();

    stop.abort();

    expect(await asking).toBe('hold');
    expect(await place.ask(() => Promise.resolve(CALM), never)).toBe('go');
    expect(clock.sleeping).toBe(0);
  });

  test('a look that fails holds nobody and is noted once', async () => {
    const { gate, look, source, clock, events } = scene(peers);
    source.now = new ReplicationError('query-failed', { stream: 'the catalog', sqlstate: '0A000' });
    const place = open(gate).place('w0');

    for (let n = 0; n < 4; n += 1) {
      expect(await place.ask(look, never)).toBe('go');
      await clock.advance(10_000);
    }

    expect(events.map(({ event, fields }) => [event, fields])).toEqual([['source-load-not-known', { code: 'query-failed' }]]);
  });

  test('what cannot be seen is noted once, with the privilege that shows it', async () => {
    const { gate, look, source, clock, events } = scene(peers);
    source.now = { ...CALM, hidden: ['active-backends', 'replica-lag'] };
    const place = open(gate).place('w0');

    await place.ask(look, never);
    await clock.advance(10_000);
    await place.ask(look, never);

    expect(events.map(({ level, event, fields }) => [level, event, fields])).toEqual([
      ['INFO', 'source-load-hidden', { what: 'active-backends, replica-lag', privilege: 'pg_read_all_stats' }],
    ]);
  });

  test('as many go on as there are connections for', async () => {
    const { gate, look, source } = scene(peers);
    source.now = { ...CALM, connections: 88 };
    const places = ['w0', 'w1', 'w2'].map((worker) => open(gate).place(worker));

    expect(await Promise.all(places.map((place) => place.ask(look, never)))).toEqual(['go', 'go', 'hold']);
  });
});

describe('workers in processes of their own', () => {
  const process = (index: number) => scene({ kind: 'elsewhere', workers: 3, index });

  test('the lowest numbers go on, at the beginning and later', async () => {
    const answers: string[] = [];
    for (const index of [0, 1, 2]) {
      const { gate, look, source } = process(index);
      source.now = BUSY;
      answers.push(
        await open(gate)
          .place(`w${String(index)}`)
          .ask(look, never),
      );
    }

    expect(answers).toEqual(['go', 'hold', 'hold']);
  });

  test.each([
    [1, 'hold'],
    [0, 'go'],
  ])('a higher number that has waited sees %i others reading: %s', async (ownReads, expected) => {
    const { gate, look, source, clock } = process(2);
    source.now = { ...BUSY, ownReads };
    const place = open(gate).place('w2');
    await place.ask(look, never);

    const waiting = place.wait(look, never);
    await settled();
    await clock.advance(10_400);

    expect(await waiting).toBe(expected);
  });

  test('a higher number that reads alone goes on from unit to unit, and gives way when the lowest is back', async () => {
    const { gate, look, source, clock } = process(2);
    const place = open(gate).place('w2');
    await place.ask(look, never);
    source.now = BUSY;
    await clock.advance(10_000);
    const alone = [await place.ask(look, never), await place.ask(look, never)];
    source.now = { ...BUSY, ownReads: 1 };
    await clock.advance(10_000);

    expect([...alone, await place.ask(look, never)]).toEqual(['go', 'go', 'hold']);
  });
});
