import type { KeyBookmark } from '../model/bookmark.ts';
import { initialState, parseStreamState, streamItems, valueTypeKey } from '../model/stream-state.ts';
import type { Column } from '../model/catalog.ts';
import type { KnownColumn, StreamState } from '../model/stream-state.ts';
import type { PlannedStream } from '../plan/plan.ts';
import type { Json } from '../ledger/ledger.ts';
import type { JobContext, JobStream } from './job.ts';

/** The bookmark of a key-based stream that has none yet. */
export function emptyBookmark(stream: JobStream): KeyBookmark {
  const key = stream.columns.find((column) => column.name === stream.replicationKey);
  return { column: stream.replicationKey ?? '', type: key?.sqlType ?? '' };
}

/** Applies a change to a stream's state, which begins with what the configuration says. */
export async function updateState(
  context: JobContext,
  stream: JobStream,
  change: (state: StreamState) => StreamState,
): Promise<StreamState> {
  const after = await context.ledger.updateDocument(streamItems.state(stream.id), (now) => {
    const state = parseStreamState(now) ?? initialState({ stream: stream.id, name: stream.table.name, ...identityOf(stream) });
    return change(state) as unknown as Json;
  });
  return parseStreamState(after) ?? initialState({ stream: stream.id, name: stream.table.name, ...identityOf(stream) });
}

/** What of a stream's state follows the configuration and the catalog. */
export function identityOf(
  stream: JobStream,
): Pick<StreamState, 'method' | 'replicationKey' | 'primaryKey' | 'destinationTable' | 'schemaHash' | 'columns'> {
  const { method, replicationKey, primaryKey, destinationTable, schemaHash } = stream;
  return { method, replicationKey, primaryKey, destinationTable, schemaHash, columns: knownColumns(stream.columns) };
}

export function columnNames(stream: JobStream): readonly string[] {
  return stream.columns.map((column) => column.name);
}

/** A key bookmark as its head keeps it. */
export function keyHeadBookmark(bookmark: KeyBookmark, stream: JobStream): Json {
  return {
    ...bookmark,
    boundary: bookmark.boundary === undefined ? undefined : { ...bookmark.boundary },
    table: stream.destinationTable,
  };
}

/** The bookmark in a key-based stream's head; that of a stream which has none yet where there is no head. */
export function keyBookmarkIn(head: Json | undefined, stream: JobStream): KeyBookmark {
  return typeof head === 'object' && head !== null && 'column' in head ? (head as unknown as KeyBookmark) : emptyBookmark(stream);
}

/** What the plan needs to know of streams. */
export function plannedStreams(streams: Iterable<Omit<JobStream, 'known'>>): readonly PlannedStream[] {
  return [...streams].map(({ id, replicationKey, primaryKey, method, schemaHash, isView, bytes, columns }) => ({
    id,
    method,
    replicationKey,
    primaryKey,
    schemaHash,
    isView,
    bytes,
    columns: knownColumns(columns),
  }));
}

function knownColumns(columns: readonly Column[]): readonly KnownColumn[] {
  return columns.map(({ position, name, type }) => ({ position, name, type: valueTypeKey(type) }));
}
