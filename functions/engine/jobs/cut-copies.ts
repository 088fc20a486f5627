import type { CopyRange } from '../model/bookmark.ts';
import { parseStreamState, streamItems } from '../model/stream-state.ts';
import type { CutCopy, StreamState } from '../model/stream-state.ts';
import type { Json, Ledger } from '../ledger/ledger.ts';
import type { JobContext, JobStream } from './job.ts';

/** A copy that was cut, and its ranges. */
export interface Cut {
  readonly copy: CutCopy;
  readonly ranges: readonly CopyRange[];
}

interface KeptRanges {
  readonly version: number;
  readonly ranges: readonly CopyRange[];
}

/**
 * Cut copies as one worker knows them, so that it does not read the same ranges (up to 300 KB) and the same state for each unit. The ranges and the start of a version never change once a state
 * names them. Which ranges are done may be older than it is: whoever claims the head of one sees whether it is, and marking it is decided by the ledger.
 */
export class CutCopies {
  readonly #ledger: Pick<Ledger, 'document'>;
  readonly #known = new Map<string, Cut & { readonly version: number }>();

  constructor(ledger: Pick<Ledger, 'document'>) {
    this.#ledger = ledger;
  }

  /** The copy that a unit is about; undefined where another version took its place, or it is complete. */
  async of(stream: JobStream, unit: { readonly version: number; readonly range: number }): Promise<Cut | undefined> {
    const known = this.#known.get(stream.id);
    const isKnown = known !== undefined && known.version === unit.version;
    // The last one is read when all others are done, and by then they must be.
    if (isKnown && unit.range !== known.copy.total - 1) return known;
    const state = parseStreamState((await this.#ledger.document(streamItems.state(stream.id)))?.value);
    if (state?.copy === undefined || state.copy === null || state.version !== unit.version) {
      this.#known.delete(stream.id);
      return undefined;
    }
    const { copy, version } = state;
    const ranges = isKnown ? known.ranges : await this.#ranges(stream, version);
    const cut = { version, copy, ranges };
    this.#known.set(stream.id, cut);
    return cut;
  }

  /** A state that was just written: which ranges are done now, or that the copy is over. */
  note({ stream, version, copy }: Pick<StreamState, 'stream' | 'version' | 'copy'>): void {
    const known = this.#known.get(stream);
    if (known === undefined) return;
    if (copy !== null && known.version === version) this.#known.set(stream, { ...known, copy });
    else this.#known.delete(stream);
  }

  async #ranges(stream: JobStream, version: number): Promise<readonly CopyRange[]> {
    return rangesIn((await this.#ledger.document(streamItems.ranges(stream.id)))?.value, version) ?? [];
  }
}

/** Keeps the ranges of a version, unless it has some already; gives those that it has. */
export async function keepRanges(
  { ledger }: Pick<JobContext, 'ledger'>,
  stream: JobStream,
  { version, ranges }: KeptRanges,
): Promise<readonly CopyRange[]> {
  const kept = await ledger.updateDocument(streamItems.ranges(stream.id), (now) =>
    rangesIn(now, version) === undefined ? ({ version, ranges } as unknown as Json) : now,
  );
  return rangesIn(kept, version) ?? ranges;
}

function rangesIn(document: Json | undefined, version: number): readonly CopyRange[] | undefined {
  const kept = document as KeptRanges | undefined;
  return kept?.version === version ? kept.ranges : undefined;
}
