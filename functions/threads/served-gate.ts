import type { LookAtSource, PressureGate } from '../engine/jobs/pressure-gate.ts';
import { receivedFailure } from './failures.ts';
import type { GateAnswer, GateRequest } from './messages.ts';

interface ServedCall {
  readonly dropped: AbortController;
  /** Waits for a look of the thread. */
  looked: ((message: Looked | 'thread-gone') => void) | undefined;
}

type Looked = Extract<GateRequest, { readonly kind: 'looked' | 'look-failed' }>;

/** In the thread of the job: lets the workers of one other thread ask its gate. Disposing of it takes them away from there. */
export class ServedGate implements Disposable {
  readonly #send: (message: GateAnswer) => void;
  readonly #places: ReadonlyMap<string, ReturnType<PressureGate['place']>>;
  readonly #calls = new Map<number, ServedCall>();

  constructor(gate: PressureGate, workers: readonly string[], send: (message: GateAnswer) => void) {
    this.#send = send;
    this.#places = new Map(workers.map((worker) => [worker, gate.place(worker)]));
  }

  /** Takes what a worker of the thread wants. */
  receive(message: GateRequest): void {
    switch (message.kind) {
      case 'turn-wanted':
        void this.#turn(message);
        break;
      case 'turn-dropped':
        this.#calls.get(message.call)?.dropped.abort();
        break;
      case 'looked':
      case 'look-failed':
        this.#calls.get(message.call)?.looked?.(message);
        break;
      case 'left-gate':
        this.#places.get(message.worker)?.leave();
        break;
    }
  }

  [Symbol.dispose](): void {
    for (const call of this.#calls.values()) {
      call.dropped.abort();
      // Others may wait for the same look.
      call.looked?.('thread-gone');
    }
    for (const place of this.#places.values()) place[Symbol.dispose]();
  }

  async #turn({ call, worker, how }: Extract<GateRequest, { readonly kind: 'turn-wanted' }>): Promise<void> {
    const served: ServedCall = { dropped: new AbortController(), looked: undefined };
    this.#calls.set(call, served);
    const answer = await this.#places.get(worker)?.[how]((signal) => this.#look(call, served, signal), served.dropped.signal);
    this.#calls.delete(call);
    this.#send({ kind: 'turn', call, answer: answer ?? 'hold' });
  }

  #look(call: number, served: ServedCall, signal: AbortSignal): ReturnType<LookAtSource> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = (): void => this.#send({ kind: 'look-dropped', call });
      signal.addEventListener('abort', onAbort, { once: true });
      served.looked = (message) => {
        signal.removeEventListener('abort', onAbort);
        served.looked = undefined;
        if (message === 'thread-gone') reject(new DOMException('The thread that looked has ended', 'AbortError'));
        else if (message.kind === 'looked') resolve(message.look);
        else reject(receivedFailure(message.error));
      };
      this.#send({ kind: 'look', call });
    });
  }
}
