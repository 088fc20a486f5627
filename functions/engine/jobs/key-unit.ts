import type { KeyBookmark } from '../model/bookmark.ts';
import { streamItems } from '../model/stream-state.ts';
import type { KeyedRead, SourceSession } from '../source/source.ts';
import { claimHead } from './claim-head.ts';
import { commitFacts } from './commit-facts.ts';
import type { JobContext, JobStream } from './job.ts';
import { columnNames, keyBookmarkIn, keyHeadBookmark } from './stream-store.ts';
import { writeBatch } from './write-batch.ts';

/** What a key-based read came to: everything read, or stopped at a checkpoint with more to come. */
export interface KeyOutcome {
  readonly state: 'done' | 'more';
  readonly warnings: readonly string[];
  readonly nullKeys: number | null;
}

/** Reads what a key-based stream has new, window by window; each window is a checkpoint. Writes nothing, not even to the ledger, where nothing changed. */
export async function readByKey(
  scope: {
    readonly context: JobContext;
    readonly stream: JobStream;
    readonly session: SourceSession;
    readonly worker: string;
    readonly signal: AbortSignal;
  },
  version: number,
  stop: AbortSignal,
): Promise<KeyOutcome> {
  const { context, stream, session, worker, signal } = scope;
  const headId = streamItems.keyHead(stream.id, version);
  const warnings = new Set<string>();
  let nullKeys: number | null = null;
  for (;;) {
    const head = await context.ledger.head(headId);
    const from = keyBookmarkIn(head?.bookmark, stream);
    await using read = await session.keyed(
      {
        table: stream.table,
        columns: columnNames(stream),
        from,
        lookBack: stream.lookBack,
        maxRows: context.settings.windowRows,
      },
      signal,
    );
    read.warnings.forEach((warning) => warnings.add(warning));
    nullKeys = read.nullKeys ?? nullKeys;
    if (!read.hasRows && sameBookmark(read.next, from)) return { state: 'done', warnings: [...warnings], nullKeys };

    await commitWindow(scope, version, { headId, from, read });
    if (!read.more) return { state: 'done', warnings: [...warnings], nullKeys };
    if (stop.aborted) return { state: 'more', warnings: [...warnings], nullKeys };
  }

  async function commitWindow(
    { context, stream }: typeof scope,
    tableVersion: number,
    window: { readonly headId: string; readonly from: KeyBookmark; readonly read: KeyedRead },
  ): Promise<void> {
    const claim = await claimHead(context, window.headId, worker, keyHeadBookmark(window.from, stream));
    // Another worker may have moved on between our look at the bookmark and the claim: the window would not follow it. The next turn reads anew.
    if (!sameBookmark(keyBookmarkIn(claim.head.bookmark, stream), window.from)) return;
    const { read } = window;
    const startedAt = context.clock.now().toISOString();
    const written = read.hasRows
      ? await writeBatch(
          context,
          {
            stream,
            version: tableVersion,
            unit: { kind: 'key' },
            batch: claim.head.batch + 1,
            fence: claim.fence,
            sequence: read.sequence,
            extractedAt: read.at,
          },
          (encoder, out) => read.read(encoder, out, signal),
          signal,
        )
      : { objects: [], rowsRead: 0, batchedAt: startedAt };
    await claim.commit({
      tables: [
        {
          stream: stream.id,
          tableVersion,
          objects: written.objects,
          rowsRead: written.rowsRead,
          facts: commitFacts({
            startedAt,
            extractedAt: read.at,
            batchedAt: written.batchedAt,
            ...(read.range === undefined ? {} : { keyRange: read.range }),
          }),
        },
      ],
      after: keyHeadBookmark(read.next, stream),
    });
  }
}

function sameBookmark(a: KeyBookmark, b: KeyBookmark): boolean {
  return (
    a.column === b.column &&
    a.value === b.value &&
    a.sentUpTo === b.sentUpTo &&
    a.boundary?.rows === b.boundary?.rows &&
    a.boundary?.digest === b.boundary?.digest
  );
}
