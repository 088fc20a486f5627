import type { LookAtSource, PressureGate } from '../engine/jobs/pressure-gate.ts';
import { sentFailure } from './failures.ts';
import type { GateAnswer, GateRequest } from './messages.ts';

interface AskedCall {
  readonly look: LookAtSource;
  readonly answer: (answer: 'go' | 'hold') => void;
  /** Of the look that the gate wants now. */
  looking: AbortController | undefined;
}

/** In a thread: the gate of the job, which stays in the thread that the job began in. Looks at the source are made here, over the sessions of the workers that ask. */
export class RemoteGate {
  /** For the workers of this thread. */
  readonly gate: PressureGate;
  readonly #send: (message: GateRequest) => void;
  readonly #calls = new Map<number, AskedCall>();
  #lastCall = 0;

  constructor(send: (message: GateRequest) => void) {
    this.#send = send;
    this.gate = {
      place: (worker) => {
        const leave = (): void => send({ kind: 'left-gate', worker });
        return {
          ask: (look, signal) => this.#turn(worker, 'ask', look, signal),
          wait: (look, signal) => this.#turn(worker, 'wait', look, signal),
          leave,
          [Symbol.dispose]: leave,
        };
      },
      [Symbol.dispose]: () => undefined,
    };
  }

  /** Takes what the other side has to say. */
  receive(message: GateAnswer): void {
    const call = this.#calls.get(message.call);
    if (call === undefined) return;
    switch (message.kind) {
      case 'turn':
        this.#calls.delete(message.call);
        call.looking?.abort();
        call.answer(message.answer);
        break;
      case 'look':
        void this.#look(message.call, call);
        break;
      case 'look-dropped':
        call.looking?.abort();
        break;
    }
  }

  async #look(id: number, call: AskedCall): Promise<void> {
    const looking = new AbortController();
    call.looking = looking;
    try {
      this.#send({ kind: 'looked', call: id, look: await call.look(looking.signal) });
    } catch (error) {
      this.#send({ kind: 'look-failed', call: id, error: sentFailure(error) });
    }
  }

  #turn(worker: string, how: 'ask' | 'wait', look: LookAtSource, signal: AbortSignal): Promise<'go' | 'hold'> {
    if (signal.aborted) return Promise.resolve('hold');
    this.#lastCall += 1;
    const id = this.#lastCall;
    return new Promise((resolve) => {
      // The other side ends the call then, with an answer: nothing looks on a session any more when it is there.
      const onAbort = (): void => this.#send({ kind: 'turn-dropped', call: id });
      signal.addEventListener('abort', onAbort, { once: true });
      const answer = (given: 'go' | 'hold'): void => {
        signal.removeEventListener('abort', onAbort);
        resolve(given);
      };
      this.#calls.set(id, { look, answer, looking: undefined });
      this.#send({ kind: 'turn-wanted', call: id, worker, how });
    });
  }
}
