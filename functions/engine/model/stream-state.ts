import type { CopyStart, KeyBookmark } from './bookmark.ts';
import type { ValueType } from './catalog.ts';
import type { ErrorReport } from './errors.ts';
import type { ReplicationMethod, StreamName } from './stream.ts';

/** What the ledger remembers of a stream between jobs, as the document `stream/<stream id>`. Positions that advance on their own are in heads, not here. */
export interface StreamState {
  readonly format: 1;
  readonly stream: string;
  readonly name: StreamName;
  readonly method: ReplicationMethod;
  readonly replicationKey: string | null;
  readonly primaryKey: readonly string[];
  readonly destinationTable: string;
  /** The version that rows are written under now; 0 before the first copy. */
  readonly version: number;
  /** The version that is whole; null until a first copy was completed. */
  readonly activeVersion: number | null;
  /** Structure of the rows written last. */
  readonly schemaHash: string;
  /** Columns of the rows written last, so that a rename or another type is told from a new column. */
  readonly columns: readonly KnownColumn[];
  /** LOG_BASED: `_sdc_sequence` of the version's copy, at or below every change that the log brings for it. Decimal; null for other methods. */
  readonly logFrom: string | null;
  /** A copy that was cut into ranges and is not complete. */
  readonly copy: CutCopy | null;
  /** Set by `reset`: the next job begins a fresh copy. ISO 8601. */
  readonly resetAt: string | null;
  /** What the last job that had something to say came to. */
  readonly last: StreamOutcome | null;
}

/** A copy in ranges, resumable by any later job. The ranges themselves are in the document `ranges/<stream id>`. */
export interface CutCopy {
  readonly start: CopyStart;
  readonly total: number;
  /** One character per range: `1` done, `0` not. */
  readonly done: string;
  /** Structure that the copy began with; another one starts the copy anew. */
  readonly schemaHash: string;
  /** INCREMENTAL: the bookmark from before the copy. */
  readonly keyBookmark: KeyBookmark | null;
}

/** A column as it was. */
export interface KnownColumn {
  /** `pg_attribute.attnum`: a renamed column keeps it. */
  readonly position: number;
  readonly name: string;
  /** What its values depend on: see `valueTypeKey`. */
  readonly type: string;
}

/** Names a type up to differences that change no value's text: lengths, the precision of a numeric, `varchar` or `text`. */
export function valueTypeKey(type: ValueType): string {
  switch (type.kind) {
    case 'number':
      return type.name === 'numeric' && type.scale !== undefined ? `numeric(${String(type.scale)})` : type.name;
    case 'text':
      return type.name === 'varchar' ? 'text' : type.name;
    case 'array':
      return `${valueTypeKey(type.element)}[]`;
    case 'composite':
      return `${type.name}(${type.attributes.map((attribute) => `${attribute.name} ${valueTypeKey(attribute.type)}`).join(', ')})`;
    default:
      return type.name;
  }
}

export interface StreamOutcome {
  readonly job: string;
  /** ISO 8601. */
  readonly at: string;
  readonly error: ErrorReport | null;
  readonly warnings: readonly string[];
  readonly nullKeys: number | null;
}

/** State of a stream that was never replicated. */
export function initialState(
  stream: Pick<
    StreamState,
    'stream' | 'name' | 'method' | 'replicationKey' | 'primaryKey' | 'destinationTable' | 'schemaHash' | 'columns'
  >,
): StreamState {
  return { format: 1, ...stream, version: 0, activeVersion: null, logFrom: null, copy: null, resetAt: null, last: null };
}

/** Reads a document of the ledger; undefined if it is not a state of this format. */
export function parseStreamState(value: unknown): StreamState | undefined {
  if (typeof value !== 'object' || value === null || !('format' in value) || value.format !== 1) return undefined;
  return 'stream' in value && 'version' in value && 'method' in value ? (value as unknown as StreamState) : undefined;
}

/** Ids of a stream's items in the ledger; versions keep the heads of superseded copies apart. */
export const streamItems = {
  state: (stream: string): string => `stream/${stream}`,
  ranges: (stream: string): string => `ranges/${stream}`,
  copyHeads: (stream: string): string => `copy/${stream}/`,
  copyHead: (stream: string, version: number, range: number): string =>
    `copy/${stream}/${String(version)}/${String(range).padStart(6, '0')}`,
  keyHeads: (stream: string): string => `key/${stream}/`,
  keyHead: (stream: string, version: number): string => `key/${stream}/${String(version)}`,
} as const;
