import type { KeyBookmark } from '../model/bookmark.ts';
import { streamItems } from '../model/stream-state.ts';
import type { JobContext, JobStream } from './job.ts';
import { identityOf, keyHeadBookmark, updateState } from './stream-store.ts';
import { publishTableInfo } from './table-info.ts';
import { failpoint } from '../runtime/failpoints.ts';

/**
 * Makes a complete copy the active version. Order: what readers and later jobs need first (`_table.json`, the key bookmark), then the one conditional write that
 * activates. A crash in between repeats the first part only.
 */
export async function activate(
  context: JobContext,
  stream: JobStream,
  worker: string,
  copy: { readonly version: number; readonly keyBookmark: KeyBookmark | null },
): Promise<void> {
  const { version, keyBookmark } = copy;
  await failpoint('activate.before');
  await publishTableInfo(context, stream, version);
  if (keyBookmark !== null) {
    await context.ledger.removeHeads(streamItems.keyHeads(stream.id));
    await context.lease.claim(streamItems.keyHead(stream.id, version), worker, keyHeadBookmark(keyBookmark, stream));
    await failpoint('activate.bookmark');
  }
  await updateState(context, stream, (state) =>
    state.version > version
      ? state
      : { ...state, ...identityOf(stream), version, activeVersion: version, copy: null, resetAt: null },
  );
  await failpoint('activate.after');
  context.log.log('INFO', 'version-activated', { stream: stream.id, version });
}
