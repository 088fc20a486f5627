import { describe, expect, it } from 'vitest';
import { openPressureGate } from '../../functions/engine/jobs/pressure-gate.ts';
import type { PressureGate } from '../../functions/engine/jobs/pressure-gate.ts';
import type { JobSettings } from '../../functions/engine/jobs/job.ts';
import type { PressureLook } from '../../functions/engine/source/pressure-look.ts';
import type { GateAnswer, GateRequest } from '../../functions/threads/messages.ts';
import { RemoteGate } from '../../functions/threads/remote-gate.ts';
import { ServedGate } from '../../functions/threads/served-gate.ts';
import { CALM, LIMITS, recordingLog, settled, SteppedClock } from '../pressure/support.ts';

const BUSY: PressureLook = { ...CALM, activeBackends: 200 };
const never = new AbortController().signal;

/** A gate for three workers, one of them here, two in a thread, with messages copied as they are between threads. */
function openPair() {
  const clock = new SteppedClock();
  const settings = { pressure: LIMITS } as JobSettings;
  const gate = openPressureGate({ settings, clock, log: recordingLog().log }, { kind: 'here', workers: 3 }) as PressureGate;
  const served = new ServedGate(gate, ['w1', 'w2'], (message: GateAnswer) => {
    const copy = structuredClone(message);
    queueMicrotask(() => remote.receive(copy));
  });
  const remote = new RemoteGate((message: GateRequest) => {
    const copy = structuredClone(message);
    queueMicrotask(() => served.receive(copy));
  });
  return { clock, gate, served, remote: remote.gate };
}

/** A look that is answered when the test says so. */
function openLook() {
  let answer: (look: PressureLook) => void = () => undefined;
  const state = { asked: 0, dropped: 0 };
  const look = (signal: AbortSignal): Promise<PressureLook> => {
    state.asked += 1;
    return new Promise((resolve, reject) => {
      answer = resolve;
      signal.addEventListener('abort', () => {
        state.dropped += 1;
        reject(signal.reason as Error);
      });
    });
  };
  return { look, state, answer: (found: PressureLook) => answer(found) };
}

const looking = (found: PressureLook) => () => Promise.resolve(found);

describe('the pressure gate of a job, asked from a thread', () => {
  it('looks over the session of the worker that asks', async () => {
    const { remote } = openPair();
    const { look, state, answer } = openLook();
    const asked = remote.place('w1').ask(look, never);
    await settled();
    expect(state).toEqual({ asked: 1, dropped: 0 });

    answer(CALM);

    expect(await asked).toBe('go');
  });

  it('counts workers of all threads together', async () => {
    const { gate, remote } = openPair();
    expect(await gate.place('w0').ask(looking(BUSY), never)).toBe('go');

    expect(await remote.place('w1').ask(looking(BUSY), never)).toBe('hold');
    expect(await remote.place('w2').ask(looking(BUSY), never)).toBe('hold');
  });

  it('lets a worker of a thread go on when one elsewhere leaves', async () => {
    const { clock, gate, remote } = openPair();
    const first = gate.place('w0');
    await first.ask(looking(BUSY), never);
    const place = remote.place('w1');
    await place.ask(looking(BUSY), never);
    const waiting = place.wait(looking(BUSY), never);
    await settled();
    expect(clock.sleeping).toBe(1);

    first.leave();

    expect(await waiting).toBe('go');
  });

  it('gives the place of a worker in a thread to one elsewhere when it leaves', async () => {
    const { gate, remote } = openPair();
    const place = remote.place('w1');
    expect(await place.ask(looking(BUSY), never)).toBe('go');
    expect(await gate.place('w0').ask(looking(BUSY), never)).toBe('hold');

    place.leave();
    await settled();

    expect(await gate.place('w0').ask(looking(BUSY), never)).toBe('go');
  });

  it('ends a look and a wait that the worker no longer wants, with hold', async () => {
    const { remote } = openPair();
    const { look, state } = openLook();
    const aborted = new AbortController();
    const asked = remote.place('w1').ask(look, aborted.signal);
    await settled();

    aborted.abort();

    expect(await asked).toBe('hold');
    expect(state).toEqual({ asked: 1, dropped: 1 });
    expect(await remote.place('w1').ask(look, aborted.signal)).toBe('hold');
  });

  it('takes a look that failed as not known', async () => {
    const { remote } = openPair();

    expect(await remote.place('w1').ask(() => Promise.reject(new Error('lost')), never)).toBe('go');
  });

  it('does not wait for the look of a thread that is gone, and has its places free', async () => {
    const { gate, remote, served } = openPair();
    expect(await remote.place('w2').ask(looking(BUSY), never)).toBe('go');
    const { look } = openLook();
    void remote.place('w1').wait(look, never);
    await settled();

    served[Symbol.dispose]();
    await settled();

    expect(await gate.place('w0').ask(looking(BUSY), never)).toBe('go');
  });
});
