import { errorReport, ReplicationError } from '../model/errors.ts';
import { claimHead, retireHead } from './claim.ts';
import { bodyOf, parseItem, readAs } from './items.ts';
import type { Shelf } from './items.ts';
import { keys } from './keys.ts';
import { momentOf, Term } from './lease-term.ts';
import type { Alarm, Moment } from './lease-term.ts';
import type { Busy, Claim, Holder, JobStart, Json, Lease } from './ledger.ts';
import { isLease } from './shapes.ts';
import type { LeaseItem } from './shapes.ts';
import type { Written } from './store.ts';
import { failpoint } from '../runtime/failpoints.ts';

/** What taking and keeping a lease needs. */
export interface LeaseScope extends Shelf {
  readonly alarm: Alarm;
  /** Who holds leases here, and whether an earlier holder is certainly gone: its lease is taken over without waiting for its end. Absent: only time tells. */
  readonly owner?: LeaseOwner;
}

/** A process as the holder of leases. */
export interface LeaseOwner {
  /** Names this process; kept in the lease. */
  readonly identity: string;
  /** False whenever it cannot be told. Epochs and fences keep the one rule even if it errs. */
  readonly isGone: (identity: string) => Promise<boolean>;
}

/**
 * Takes the lease for a job. Whether another job's lease has expired is judged by this machine's wall clock: machines are taken to agree within a small part of a lease's time to
 * live. If they do not, a lease may be taken too early, and then epochs and fences shut the earlier job out: no position moves wrongly, that job ends with an error.
 */
export async function acquireLease(
  scope: LeaseScope,
  { job, ttlMs, start }: { readonly job: string; readonly ttlMs: number; readonly start?: JobStart },
): Promise<HeldLease | Busy> {
  let item = await scope.store.get(scope.integration, keys.lease);
  for (;;) {
    const asked = momentOf(scope.clock);
    const now = item === undefined ? undefined : parseItem(scope, item, isLease);
    const isLive = now?.state === 'held' && Date.parse(now.expiresAt) > asked.wallMs && !(await isOrphaned(scope, now));
    if (now !== undefined && isLive && now.job !== job) return { state: 'busy', job: now.job, expiresAt: now.expiresAt };
    // A job that has it already is asking again after an answer that was lost.
    const epoch = (now?.epoch ?? 0) + (isLive ? 0 : 1);
    const previous = now?.state === 'held' && now.job !== job ? { previous: now.job } : {};
    const by = scope.owner === undefined ? {} : { owner: scope.owner.identity };
    const began = start === undefined ? {} : { start };
    const expiresAt = expiry(asked, ttlMs, isLive ? now : undefined);
    const taken: LeaseItem = { state: 'held', job, epoch, expiresAt, ...by, ...began };
    await failpoint('lease.acquire.before');
    const written = await scope.store.put(
      scope.integration,
      keys.lease,
      bodyOf(taken, { what: 'the lease' }),
      item?.revision ?? 0,
    );
    if (written.state === 'written') await failpoint('lease.acquire.after');
    if (written.state === 'written')
      return new HeldLease(scope, {
        job,
        epoch,
        ...previous,
        ...began,
        ttlMs,
        asked,
        expiresAt: taken.expiresAt,
        revision: written.item.revision,
      });
    item = written.current;
  }
}

/** Joins under the lease of a running job. One that has run out and that nobody has taken since is brought to life again. Throws `lease-lost`. */
export async function joinLease(
  scope: LeaseScope,
  { job, ttlMs }: { readonly job: string; readonly ttlMs: number },
): Promise<HeldLease> {
  let asked = momentOf(scope.clock);
  let item = await scope.store.get(scope.integration, keys.lease);
  for (;;) {
    const now = item === undefined ? undefined : parseItem(scope, item, isLease);
    if (item === undefined || now?.state !== 'held' || now.job !== job)
      throw new ReplicationError('lease-lost', { job, integration: scope.integration });
    const held = { job, epoch: now.epoch, ...beganOf(now), ttlMs, isShared: true };
    if (isFresh(now, asked, ttlMs))
      return new HeldLease(scope, { ...held, asked, expiresAt: now.expiresAt, revision: item.revision });
    asked = momentOf(scope.clock);
    const renewed: LeaseItem = { ...now, expiresAt: expiry(asked, ttlMs, now) };
    const written = await scope.store.put(scope.integration, keys.lease, bodyOf(renewed, { what: 'the lease' }), item.revision);
    if (written.state === 'written')
      return new HeldLease(scope, { ...held, asked, expiresAt: renewed.expiresAt, revision: written.item.revision });
    item = written.current;
  }
}

/** Takes the lease of a job from its own workers: the next epoch of the same job. Throws `lease-lost`. */
export async function takeOverLease(
  scope: LeaseScope,
  { job, ttlMs }: { readonly job: string; readonly ttlMs: number },
): Promise<HeldLease> {
  for (;;) {
    const asked = momentOf(scope.clock);
    const item = await readAs(scope, keys.lease, isLease);
    const now = item?.value;
    if (item === undefined || now?.state !== 'held' || now.job !== job)
      throw new ReplicationError('lease-lost', { job, integration: scope.integration });
    const taken: LeaseItem = { ...now, epoch: now.epoch + 1, expiresAt: expiry(asked, ttlMs, now) };
    const written = await scope.store.put(scope.integration, keys.lease, bodyOf(taken, { what: 'the lease' }), item.revision);
    if (written.state !== 'written') continue;
    const terms = { job, epoch: taken.epoch, ...beganOf(now), ttlMs, asked, expiresAt: taken.expiresAt };
    return new HeldLease(scope, { ...terms, revision: written.item.revision });
  }
}

/** Who holds the lease, if it has not run out. */
export async function leaseHolder(scope: LeaseScope): Promise<Holder | undefined> {
  const now = (await readAs(scope, keys.lease, isLease))?.value;
  if (now?.state !== 'held' || Date.parse(now.expiresAt) <= scope.clock.now().getTime() || (await isOrphaned(scope, now)))
    return undefined;
  return { job: now.job, expiresAt: now.expiresAt, ...beganOf(now) };
}

function beganOf({ start }: LeaseItem): Pick<LeaseItem, 'start'> {
  return start === undefined ? {} : { start };
}

/** Whether the process that holds a lease is certainly gone. */
async function isOrphaned(scope: LeaseScope, { owner }: LeaseItem): Promise<boolean> {
  return owner !== undefined && scope.owner !== undefined && (await scope.owner.isGone(owner));
}

interface Terms {
  readonly job: string;
  readonly epoch: number;
  readonly previous?: string;
  readonly start?: JobStart;
  readonly ttlMs: number;
  readonly asked: Moment;
  readonly expiresAt: string;
  readonly revision: number;
  /** Others of the same job may close it while this process works. @default false */
  readonly isShared?: boolean;
}

/** A lease as the ledger that it was taken through keeps it. */
export class HeldLease implements Lease {
  readonly state = 'held';
  readonly job: string;
  readonly epoch: number;
  readonly previous?: string;
  readonly #scope: LeaseScope;
  readonly #start: JobStart | undefined;
  readonly #ttlMs: number;
  readonly #isShared: boolean;
  readonly #lost = new AbortController();
  #term: Term;
  #revision: number;
  #isOpen = true;
  #renewal: Promise<void> = Promise.resolve();
  /** The lease as it was when somebody asked for it last. */
  #seen: Awaited<ReturnType<Shelf['store']['get']>>;
  #renewAlarm: ReturnType<Alarm> | undefined;
  #expiryAlarm: ReturnType<Alarm> | undefined;

  constructor(scope: LeaseScope, { job, epoch, previous, start, ttlMs, asked, expiresAt, revision, isShared = false }: Terms) {
    this.#scope = scope;
    this.job = job;
    this.epoch = epoch;
    if (previous !== undefined) this.previous = previous;
    this.#start = start;
    this.#ttlMs = ttlMs;
    this.#isShared = isShared;
    this.#revision = revision;
    this.#term = new Term(asked, { ttlMs, expiresAtMs: Date.parse(expiresAt) });
    this.#schedule(ttlMs / 3);
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Throws `lease-lost` if the lease is not held as far as is known here. A process that was frozen learns it here, before it writes. */
  assertHeld(): void {
    if (!this.#isOpen) throw this.#lossError();
    if (this.#term.isOver(momentOf(this.#scope.clock))) throw this.lose();
  }

  /**
   * Looks into the store whether the job was closed under this worker; to be called after a claim was written and before it is used. Whoever closes a job takes its lease over first and
   * claims its heads then: a claim that was written too late for that is seen here. Throws `lease-lost`.
   */
  async confirm(): Promise<void> {
    if (!this.#isShared) return;
    const now = (await readAs(this.#scope, keys.lease, isLease))?.value;
    if (now?.state !== 'held' || now.job !== this.job || now.epoch !== this.epoch) throw this.lose();
  }

  /** Throws `lease-lost` if the lease was lost or has run out; not if it was given up, since nobody was kept from anything then. */
  assertNotLost(): void {
    if (this.#lost.signal.aborted) throw this.#lossError();
    if (this.#isOpen) this.assertHeld();
  }

  /** Notes that it is no longer held, and gives the error to throw. */
  lose(): ReplicationError<'lease-lost'> {
    const error = this.#lossError();
    this.#stop();
    this.#lost.abort(error);
    return error;
  }

  async claim(head: string, worker: string, initial: Json = null): Promise<Claim> {
    return claimHead(this.#scope, this, { head, worker, initial });
  }

  async retire(claim: Claim): Promise<void> {
    this.assertHeld();
    await retireHead(this.#scope, { head: claim.head.id, by: claim }, () => this.assertHeld());
  }

  async isStillOurs(): Promise<boolean> {
    if (this.#lost.signal.aborted) return false;
    this.#seen = await this.#scope.store.get(this.#scope.integration, keys.lease);
    const now = this.#seen === undefined ? undefined : parseItem(this.#scope, this.#seen, isLease);
    if (now?.state === 'held' && now.job === this.job && now.epoch === this.epoch) return true;
    this.lose();
    return false;
  }

  async release(): Promise<void> {
    this.#stop();
    await this.#renewal;
    // Older than the last renewal, maybe: then the store says so, and how it is now.
    let item = this.#seen ?? (await this.#scope.store.get(this.#scope.integration, keys.lease));
    while (item !== undefined) {
      const now = parseItem(this.#scope, item, isLease);
      if (now.state !== 'held' || now.job !== this.job || now.epoch !== this.epoch) return;
      const released = bodyOf({ ...now, state: 'released' } satisfies LeaseItem, { what: 'the lease' });
      await failpoint('lease.release.before');
      const written = await this.#scope.store.put(this.#scope.integration, keys.lease, released, item.revision);
      if (written.state === 'written') await failpoint('lease.release.after');
      if (written.state === 'written') return;
      item = written.current;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    await this.#renewal;
  }

  #stop(): void {
    this.#isOpen = false;
    this.#renewAlarm?.cancel();
    this.#expiryAlarm?.cancel();
  }

  /** One alarm to renew, one for the end of the term: a renewal may hang. */
  #schedule(renewInMs: number): void {
    this.#renewAlarm?.cancel();
    this.#renewAlarm = this.#scope.alarm(Math.min(renewInMs, this.#leftMs()), () => {
      this.#renewal = this.#renew();
    });
    this.#watchExpiry();
  }

  #watchExpiry(): void {
    this.#expiryAlarm?.cancel();
    this.#expiryAlarm = this.#scope.alarm(this.#leftMs(), () => {
      if (!this.#isOpen) return;
      if (this.#term.isOver(momentOf(this.#scope.clock))) this.lose();
      else this.#watchExpiry();
    });
  }

  #leftMs(): number {
    return this.#term.endsAtMs - this.#scope.clock.now().getTime();
  }

  async #renew(): Promise<void> {
    try {
      const isRenewed = await this.#extend();
      if (!this.#isOpen) return;
      if (isRenewed) this.#schedule(this.#ttlMs / 3);
      else this.lose();
    } catch (error) {
      if (!this.#isOpen) return;
      this.#scope.logger.log('WARNING', 'lease-renewal-failed', { job: this.job, code: errorReport(error).code });
      if (this.#term.isOver(momentOf(this.#scope.clock))) this.lose();
      else this.#schedule(this.#ttlMs / 12);
    }
  }

  /** Whether the job still has the lease. Its other workers renew it too: a refusal that brings a later expiry of the same job is as good as a write. */
  async #extend(): Promise<boolean> {
    const { store, integration, clock } = this.#scope;
    let expected = this.#revision;
    let now: LeaseItem = {
      state: 'held',
      job: this.job,
      epoch: this.epoch,
      expiresAt: new Date(this.#term.endsAtMs).toISOString(),
      ...(this.#scope.owner === undefined ? {} : { owner: this.#scope.owner.identity }),
      ...(this.#start === undefined ? {} : { start: this.#start }),
    };
    for (;;) {
      const asked = momentOf(clock);
      if (this.#term.isOver(asked)) return false;
      const renewed: LeaseItem = { ...now, expiresAt: expiry(asked, this.#ttlMs, now) };
      await failpoint('lease.renew.before');
      const written: Written = await store.put(integration, keys.lease, bodyOf(renewed, { what: 'the lease' }), expected);
      if (written.state === 'written') await failpoint('lease.renew.after');
      if (written.state === 'written') return this.#hold(asked, renewed, written.item.revision);
      if (written.current === undefined) return false;
      now = parseItem(this.#scope, written.current, isLease);
      if (now.state !== 'held' || now.job !== this.job || now.epoch !== this.epoch) return false;
      if (isFresh(now, asked, this.#ttlMs)) return this.#hold(asked, now, written.current.revision);
      expected = written.current.revision;
    }
  }

  #hold(asked: Moment, item: LeaseItem, revision: number): true {
    this.#term = new Term(asked, { ttlMs: this.#ttlMs, expiresAtMs: Date.parse(item.expiresAt) });
    this.#revision = revision;
    return true;
  }

  #lossError(): ReplicationError<'lease-lost'> {
    return new ReplicationError('lease-lost', { job: this.job, integration: this.#scope.integration });
  }
}

/** Never earlier than what is there: workers on machines with different clocks do not take time from each other. */
function expiry(asked: Moment, ttlMs: number, now: LeaseItem | undefined): string {
  return new Date(Math.max(asked.wallMs + ttlMs, now === undefined ? 0 : Date.parse(now.expiresAt))).toISOString();
}

/** Whether somebody renewed it just now. */
function isFresh(now: LeaseItem, asked: Moment, ttlMs: number): boolean {
  return Date.parse(now.expiresAt) >= asked.wallMs + (ttlMs * 5) / 6;
}
