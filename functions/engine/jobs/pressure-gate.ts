import { asUnexpected } from '../model/errors.ts';
import type { HiddenSign, PressureLook } from '../source/pressure-look.ts';
import type { JobContext } from './job.ts';
import { nextPressure } from './pressure.ts';
import type { Pressure, PressureLimits } from './pressure.ts';

/** Where the other workers of the job are: in this process, or each in its own, where only the source sees them all. */
export type Peers =
  | { readonly kind: 'here'; readonly workers: number }
  /** `index` is that of the one worker of this process, from 0. */
  | { readonly kind: 'elsewhere'; readonly workers: number; readonly index: number };

/** Looks at the source over a connection of whoever asks. */
export type LookAtSource = (signal: AbortSignal) => Promise<PressureLook>;

/**
 * Holds parallel reads back while the source is under pressure. Of the workers of one process as many go on as may, whichever they are. Of workers in processes of their own the lowest
 * numbers go on; any other one does so after an interval in which the source shows fewer reads of this job than may run: should the lowest have ended, the job goes on all the same.
 * A read that has begun goes on to its end. Disposing of the gate says in the job's log how often and how long reads were held.
 */
export interface PressureGate extends Disposable {
  place(worker: string): WorkerPlace;
}

/** One worker's place at the gate; disposing of it leaves. */
export interface WorkerPlace extends Disposable {
  /** Before a read: whether it may begin. Looks at the source if the last look is too old. `hold`: let go of unit and connection, then `wait`. Never throws. */
  ask(look: LookAtSource, signal: AbortSignal): Promise<'go' | 'hold'>;
  /** Waits for one interval or until another worker of this process leaves, looks and asks again. Ends at once, with `hold`, when aborted. Never throws. */
  wait(look: LookAtSource, signal: AbortSignal): Promise<'go' | 'hold'>;
  /** What this worker does next is no read that counts. */
  leave(): void;
}

/** A look takes no longer than this, connecting included. */
const LOOK_LIMIT_MS = 10_000;
/** Workers in different processes look one after the other, so that the first who goes on is seen by the next. */
const STAGGER_MS = 200;

type GateParts = Pick<JobContext, 'settings' | 'clock' | 'log'>;

/** The gate of one job in one process; undefined where nobody is ever held: one worker alone always goes on. */
export function openPressureGate(parts: GateParts, peers: Peers): PressureGate | undefined {
  const { pressure } = parts.settings;
  return pressure.kind === 'off' || peers.workers <= 1 ? undefined : new Gate(parts, pressure, peers);
}

class Gate implements PressureGate {
  readonly #parts: GateParts;
  readonly #limits: PressureLimits;
  readonly #peers: Peers;
  readonly #seats = new Set<string>();
  readonly #waiting = new Set<AbortController>();
  #pressure: Pressure = { kind: 'free' };
  #last: { readonly atMs: number; readonly look: PressureLook | 'not-known' } | undefined;
  #looking: Promise<void> | undefined;
  #hidden: ReadonlySet<HiddenSign> = new Set();
  #heldSinceMs = 0;
  #times = 0;
  #heldMs = 0;
  #waitedMs = 0;

  constructor(parts: GateParts, limits: PressureLimits, peers: Peers) {
    this.#parts = parts;
    this.#limits = limits;
    this.#peers = peers;
  }

  place(worker: string): WorkerPlace {
    const leave = (): void => {
      if (this.#seats.delete(worker)) this.#wake();
    };
    return {
      ask: async (look, signal) => {
        await this.#refresh(look, signal);
        return signal.aborted ? 'hold' : this.#seat(worker, this.#seats.has(worker) ? 'sits' : 'comes');
      },
      wait: async (look, signal) => {
        await this.#pause(signal);
        if (!signal.aborted) await this.#refresh(look, signal);
        return signal.aborted ? 'hold' : this.#seat(worker, 'waited');
      },
      leave,
      [Symbol.dispose]: leave,
    };
  }

  [Symbol.dispose](): void {
    if (this.#pressure.kind === 'hold') this.#heldMs += this.#nowMs() - this.#heldSinceMs;
    if (this.#times === 0) return;
    this.#parts.log.log('INFO', 'reads-were-held-back', {
      times: this.#times,
      heldSeconds: seconds(this.#heldMs),
      waitedSeconds: seconds(this.#waitedMs),
    });
  }

  #seat(worker: string, how: 'sits' | 'comes' | 'waited'): 'go' | 'hold' {
    const goes = this.#pressure.kind === 'free' || this.#hasRoom(how, this.#pressure.to);
    if (goes) this.#seats.add(worker);
    else this.#seats.delete(worker);
    return goes ? 'go' : 'hold';
  }

  #hasRoom(how: 'sits' | 'comes' | 'waited', to: number): boolean {
    if (this.#peers.kind === 'here') return how === 'sits' ? this.#seats.size <= to : this.#seats.size < to;
    if (this.#peers.index < to) return true;
    const look = this.#last?.look ?? 'not-known';
    // At the beginning of a job the lower numbers are not seen reading yet.
    return how !== 'comes' && look !== 'not-known' && look.ownReads < to;
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const beganMs = this.#nowMs();
    const staggerMs = this.#peers.kind === 'elsewhere' ? this.#peers.index * STAGGER_MS : 0;
    this.#waiting.add(woken);
    await this.#parts.clock
      .sleep(this.#limits.everyMs + staggerMs, AbortSignal.any([signal, woken.signal]))
      .catch(() => undefined);
    this.#waiting.delete(woken);
    this.#waitedMs += this.#nowMs() - beganMs;
  }

  /** Of several who ask at once, one looks for all. */
  async #refresh(look: LookAtSource, signal: AbortSignal): Promise<void> {
    if (this.#last !== undefined && this.#nowMs() - this.#last.atMs < this.#limits.everyMs) return;
    this.#looking ??= this.#look(look, signal).finally(() => (this.#looking = undefined));
    await this.#looking;
  }

  async #look(look: LookAtSource, signal: AbortSignal): Promise<void> {
    const { log } = this.#parts;
    let found: PressureLook | 'not-known' = 'not-known';
    try {
      found = await look(AbortSignal.any([signal, AbortSignal.timeout(LOOK_LIMIT_MS)]));
    } catch (error) {
      if (signal.aborted) return;
      if (this.#last?.look !== 'not-known') log.log('INFO', 'source-load-not-known', { code: asUnexpected(error).code });
    }
    this.#last = { atMs: this.#nowMs(), look: found };
    if (found !== 'not-known') this.#noteHidden(found.hidden);
    this.#turnTo(nextPressure(this.#pressure, found, { limits: this.#limits, workers: this.#peers.workers }));
  }

  #turnTo(next: Pressure): void {
    const before = this.#pressure;
    this.#pressure = next;
    if (next.kind === 'hold') {
      if (before.kind === 'free') {
        this.#heldSinceMs = this.#nowMs();
        this.#times += 1;
      }
      if (before.kind === 'free' || before.to !== next.to) {
        if (before.kind === 'hold' && next.to > before.to) this.#wake();
        this.#parts.log.log('WARNING', 'reads-held-back', { to: next.to, of: this.#peers.workers, ...whyOf(next) });
      }
    } else if (before.kind === 'hold') {
      const heldMs = this.#nowMs() - this.#heldSinceMs;
      this.#heldMs += heldMs;
      this.#wake();
      this.#parts.log.log('INFO', 'reads-go-on', { heldSeconds: seconds(heldMs) });
    }
  }

  #noteHidden(hidden: readonly HiddenSign[]): void {
    if (hidden.every((sign) => this.#hidden.has(sign))) return;
    this.#hidden = new Set([...this.#hidden, ...hidden]);
    this.#parts.log.log('INFO', 'source-load-hidden', { what: [...this.#hidden].join(', '), privilege: 'pg_read_all_stats' });
  }

  #wake(): void {
    for (const waiting of this.#waiting) waiting.abort();
  }

  #nowMs(): number {
    return this.#parts.clock.now().getTime();
  }
}

/** What was found beyond which limit, with units in the names. */
function whyOf({ reasons }: Extract<Pressure, { readonly kind: 'hold' }>): Readonly<Record<string, string | number>> {
  const fields: Record<string, string | number> = { why: reasons.map(({ sign }) => sign).join(', ') };
  for (const { sign, found, limit } of reasons) {
    const name = { 'active-backends': 'activeBackends', connections: 'connections', 'replica-lag': 'replicaLagMs' }[sign];
    fields[name] = found;
    fields[`${name}Limit`] = limit;
  }
  return fields;
}

function seconds(ms: number): number {
  return Math.round(ms / 1_000);
}
