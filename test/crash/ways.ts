import type { Failpoint } from '../../functions/engine/runtime/failpoint-list.ts';
import type { ChildOrder } from '../support/child-order.ts';
import type { Column } from './columns.ts';

/** What makes a job come by a failpoint that an ordinary one does not. */
export interface Way {
  readonly order: Omit<ChildOrder, 'fail'>;
  /** A job that is killed there goes before: it leaves what the next one cleans up. */
  readonly before?: { readonly at: Failpoint; readonly hit: number };
  /** Rows so wide that objects in S3 have several parts, which are of 5 MiB or more. */
  readonly isWide: boolean;
}

/** A third of it is the time between renewals; long beside the pauses of a busy machine. */
const SHORT_LEASE_MS = 2_400;

/** How a cell reaches its failpoint. */
export function wayTo(name: Failpoint, column: Column): Way {
  const isWide = column.store === 'aws' && /^sink\.(begin|part|abandon)\./.test(name);
  switch (name) {
    case 'lease.renew.before':
    case 'lease.renew.after':
      return { order: { settings: { leaseTtlMs: SHORT_LEASE_MS }, hold: { at: 'work.take.after', until: name } }, isWide };
    case 'work.finish.before':
    case 'work.finish.after':
      return { order: { askToStopAt: 'work.save.after' }, isWide };
    case 'work.give-back.before':
    case 'work.give-back.after':
      return { order: { askToStopAt: 'work.take.before', settings: { stopGraceMs: 0, windowRows: 100 } }, isWide };
    case 'sink.remove.before':
    case 'sink.remove.after':
      return { order: {}, before: { at: 'commit.before', hit: column.method === 'LOG_BASED' ? 2 : 1 }, isWide };
    case 'sink.abandon.before':
    case 'sink.abandon.after':
      // The first object of a folder is that of the check.
      return {
        order: {},
        before: column.store === 'aws' ? { at: 'sink.part.after', hit: 1 } : { at: 'sink.part.before', hit: 2 },
        isWide,
      };
    default:
      return { order: {}, isWide };
  }
}

/** Why a job of this column never comes by a failpoint; undefined if it does. What is not declared here must be reached, and what is must not. */
export function whyUnreached(name: Failpoint, { method, log, store }: Column): string | undefined {
  if (/^(slot|confirm)\./.test(name) && method !== 'LOG_BASED') return 'only log-based replication has a slot';
  if (name.startsWith('publication.') && log?.plugin !== 'pgoutput') return 'only pgoutput has publications';
  if (name === 'activate.bookmark' && method !== 'INCREMENTAL') return 'only key-based replication has a key bookmark';
  if (name === 'sink.complete.linked' && store !== 'folder') return 'objects of S3 have no temporary name';
  return undefined;
}
