import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { listCommits, listHeads } from './archive.ts';
import { wholeCommit } from './commit-pages.ts';
import { retireHead } from './claim.ts';
import { parseItem, readAs, update } from './items.ts';
import { forgetJobsBefore, listJobs, readJob, updateJob } from './jobs.ts';
import { keys, nameIn } from './keys.ts';
import { systemAlarm } from './lease-term.ts';
import type { Alarm } from './lease-term.ts';
import { acquireLease, joinLease, leaseHolder, takeOverLease } from './lease.ts';
import type { HeldLease, LeaseOwner, LeaseScope } from './lease.ts';
import type {
  Busy,
  Commit,
  CommitTable,
  Control,
  Head,
  Holder,
  JobRecord,
  JobStart,
  Json,
  LastCommit,
  Lease,
  Ledger,
  Versioned,
  WorkList,
} from './ledger.ts';
import { Remembered } from './remembered.ts';
import { loadReport, saveReport } from './reports.ts';
import { isControl, isDocument, isHead } from './shapes.ts';
import type { LedgerStore } from './store.ts';
import { openWork, saveWork } from './work-list.ts';
import { failpoint } from '../runtime/failpoints.ts';

interface LedgerDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Wakes leases for their renewal. @default Node's timers, which do not keep the process alive */
  readonly alarm?: Alarm;
  /** @default nobody: leases end by time alone */
  readonly owner?: LeaseOwner;
}

/** The ledger of one integration, on any store. The store belongs to the caller. */
export function openLedger(
  store: LedgerStore,
  integration: string,
  { clock, logger, alarm = systemAlarm, owner }: LedgerDeps,
): Ledger {
  return new StoredLedger({ store, integration, clock, logger, alarm, ...(owner === undefined ? {} : { owner }) });
}

class StoredLedger implements Ledger {
  readonly #scope: LeaseScope;
  /** Documents that changes begin with. */
  readonly #remembered = new Remembered();
  /** Of whoever works through this ledger; undefined for onlookers. */
  #lease: HeldLease | undefined;

  constructor(scope: LeaseScope) {
    this.#scope = scope;
  }

  get url(): string {
    return this.#scope.store.url;
  }

  async acquire(job: string, ttlMs: number, start?: JobStart): Promise<Lease | Busy> {
    const acquired = await acquireLease(this.#scope, { job, ttlMs, ...(start === undefined ? {} : { start }) });
    return acquired.state === 'busy' ? acquired : this.#under(acquired);
  }

  async join(job: string, ttlMs: number): Promise<Lease> {
    return this.#under(await joinLease(this.#scope, { job, ttlMs }));
  }

  async takeOver(job: string, ttlMs: number): Promise<Lease> {
    return this.#under(await takeOverLease(this.#scope, { job, ttlMs }));
  }

  holder(): Promise<Holder | undefined> {
    return leaseHolder(this.#scope);
  }

  async control(): Promise<Control> {
    return (await readAs(this.#scope, keys.control, isControl))?.value ?? {};
  }

  updateControl(change: (now: Control) => Control): Promise<Control> {
    return update<Control, Control>(this.#scope, keys.control, {
      shape: isControl,
      what: 'the control item',
      change: (now) => {
        const control = change(now ?? {});
        return { write: control, result: control };
      },
    });
  }

  async documents(prefix: string): Promise<ReadonlyMap<string, Versioned<Json>>> {
    const documents = new Map<string, Versioned<Json>>();
    const { store, integration } = this.#scope;
    for await (const item of store.list(integration, { prefix: keys.document(prefix) })) {
      this.#remembered.note(item);
      documents.set(nameIn(item.id), { revision: item.revision, value: parseItem(this.#scope, item, isDocument).value });
    }
    return documents;
  }

  async document(id: string): Promise<Versioned<Json> | undefined> {
    const now = await readAs(this.#scope, keys.document(id), isDocument);
    return now === undefined ? undefined : { revision: now.revision, value: now.value.value };
  }

  async updateDocument(id: string, change: (now: Json | undefined) => Json | undefined): Promise<Json | undefined> {
    await failpoint('state.save.before');
    const after = await this.#updateDocument(id, change);
    await failpoint('state.save.after');
    return after;
  }

  async #updateDocument(id: string, change: (now: Json | undefined) => Json | undefined): Promise<Json | undefined> {
    for (;;) {
      const decided = await update<{ readonly value: Json }, Decided>(this.#scope, keys.document(id), {
        shape: isDocument,
        what: `the document "${id}"`,
        remembered: this.#remembered,
        change: (now) => {
          // Between the read and the write: a worker that was frozen before writes nothing over what others wrote since.
          this.#lease?.assertNotLost();
          const value = change(now?.value);
          return value === undefined ? { keep: { state: 'remove' } } : { write: { value }, result: { state: 'written', value } };
        },
      });
      if (decided.state === 'written') return decided.value;
      if (await this.#removeDocument(id, change)) return undefined;
    }
  }

  async head(id: string): Promise<Head | undefined> {
    const now = await readAs(this.#scope, keys.head(id), isHead);
    return now === undefined ? undefined : { id, ...now.value };
  }

  heads(prefix: string): AsyncIterable<Head> {
    return listHeads(this.#scope, prefix);
  }

  async removeHeads(prefix: string): Promise<void> {
    for await (const { id } of listHeads(this.#scope, prefix)) {
      await retireHead(this.#scope, { head: id, by: 'anyone' }, () => this.#lease?.assertNotLost());
    }
  }

  commits(job: string): AsyncIterable<Commit> {
    return listCommits(this.#scope, job);
  }

  async tables(commit: LastCommit): Promise<readonly CommitTable[]> {
    return (await wholeCommit(this.#scope, commit)).tables;
  }

  job(job: string): Promise<JobRecord | undefined> {
    return readJob(this.#scope, job);
  }

  updateJob(job: string, change: (now: JobRecord | undefined) => JobRecord): Promise<JobRecord> {
    return updateJob(this.#scope, job, change);
  }

  jobs(query: { readonly limit?: number; readonly before?: string } = {}): AsyncIterable<JobRecord> {
    return listJobs(this.#scope, query);
  }

  saveReport(job: string, report: string): Promise<void> {
    return saveReport(this.#scope, job, report);
  }

  report(job: string): Promise<string | undefined> {
    return loadReport(this.#scope, job);
  }

  forgetJobsBefore(job: string): Promise<number> {
    return forgetJobsBefore(this.#scope, job);
  }

  saveWork(job: string, units: readonly Json[]): Promise<void> {
    return saveWork(this.#scope, job, units);
  }

  work(job: string): Promise<WorkList> {
    return openWork(this.#scope, job);
  }

  #under(lease: HeldLease): Lease {
    this.#lease = lease;
    return lease;
  }

  /** True: the document is gone, and `change` wanted that of what it last was. */
  async #removeDocument(id: string, change: (now: Json | undefined) => Json | undefined): Promise<boolean> {
    const now = await readAs(this.#scope, keys.document(id), isDocument);
    if (now === undefined) return change(undefined) === undefined;
    this.#lease?.assertNotLost();
    if (change(now.value.value) !== undefined) return false;
    return (await this.#scope.store.remove(this.#scope.integration, keys.document(id), now.revision)) === 'written';
  }
}

type Decided = { readonly state: 'remove' } | { readonly state: 'written'; readonly value: Json };
