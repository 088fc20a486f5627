/** Leave to hold one connection; disposing of it gives it back, once. */
export type Permit = Disposable;

/** Lets at most `size` connections exist at a time; who waits is served in order. */
export class ConnectionBudget {
  #size: number;
  /** Below zero while more are held than there may be since it was made smaller. */
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(size: number) {
    this.#size = wholeFromOne(size);
    this.#free = size;
  }

  /** Changes how many there may be. Of those that are held none is taken away: a smaller budget is kept once enough of them are given back. */
  resize(size: number): void {
    this.#free += wholeFromOne(size) - this.#size;
    this.#size = size;
    while (this.#free > 0 && this.isWanted) {
      this.#free -= 1;
      this.#waiting.shift()?.();
    }
  }

  /** Whether the next one would have to wait. */
  get isFull(): boolean {
    return this.#free <= 0;
  }

  /** Whether somebody waits. */
  get isWanted(): boolean {
    return this.#waiting.length > 0;
  }

  /** Waits for a free place. Rejects with `signal.reason`. */
  async acquire(signal: AbortSignal): Promise<Permit> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn(signal);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#release();
        isHeld = false;
      },
    };
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const serve = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(serve), 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(serve);
    });
  }

  /** The place goes straight to the first who waits, so nobody overtakes. */
  #release(): void {
    const next = this.#free < 0 ? undefined : this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}

function wholeFromOne(size: number): number {
  if (!Number.isInteger(size) || size < 1) throw new RangeError('a connection budget is a whole number from 1');
  return size;
}
