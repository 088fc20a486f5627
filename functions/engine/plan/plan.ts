import type { KnownColumn, StreamState } from '../model/stream-state.ts';
import type { OutputPlugin } from '../model/log-change.ts';
import type { ReplicationMethod } from '../model/stream.ts';

/** What the plan needs to know of a selected stream. */
export interface PlannedStream {
  readonly id: string;
  readonly method: ReplicationMethod;
  readonly replicationKey: string | null;
  readonly primaryKey: readonly string[];
  readonly schemaHash: string;
  readonly columns: readonly KnownColumn[];
  readonly isView: boolean;
  /** Bytes on disk, for the order of work and the printed plan. */
  readonly bytes: number;
}

/** The smallest claimable pieces of work of a job. JSON: they are kept in the ledger. */
export type Unit =
  /** Begin a copy under this version: cut the table, or read it at once where it is small. */
  | { readonly kind: 'copy'; readonly stream: string; readonly version: number }
  /** One range of a cut copy. */
  | { readonly kind: 'range'; readonly stream: string; readonly version: number; readonly range: number }
  /** What a key-based stream has new. */
  | { readonly kind: 'key'; readonly stream: string; readonly version: number }
  /** What a database's slot has new, for all its log-based streams. */
  | LogUnit;

export interface LogUnit {
  readonly kind: 'log';
  readonly database: string;
  readonly slot: string;
  readonly plugin: OutputPlugin;
  readonly publication: string;
  readonly consume: 'auto' | 'stream' | 'peek';
  /** Flushed end of the WAL when the job began, decimal 64-bit. */
  readonly to: string;
  /** Ids of the streams that are read from it. */
  readonly streams: readonly string[];
}

export type CopyReason =
  | 'full-table'
  | 'first-copy'
  | 'reset'
  | 'method-changed'
  | 'replication-key-changed'
  | 'primary-key-changed'
  | 'structure-changed';

/** What a job will do with one stream, and why. */
export type StreamPlan =
  | { readonly kind: 'start-copy'; readonly stream: string; readonly version: number; readonly reason: CopyReason }
  | {
      readonly kind: 'resume-copy';
      readonly stream: string;
      readonly version: number;
      readonly remaining: readonly number[];
      readonly total: number;
    }
  | { readonly kind: 'read-key'; readonly stream: string; readonly version: number }
  /** Goes on from its database's slot. */
  | { readonly kind: 'read-log'; readonly stream: string; readonly version: number };

export interface Plan {
  readonly streams: readonly StreamPlan[];
  /** In the order of work: the largest first, so that the last one to end is not the longest. */
  readonly units: readonly Unit[];
}

/**
 * Decides what a job does, from what is selected and what earlier jobs left. Pure: the command `plan` prints it, the job carries it out.
 * `nowMs` becomes the table version of fresh copies; a version never repeats and never goes back, whatever the clock does.
 */
export function plan(streams: readonly PlannedStream[], states: ReadonlyMap<string, StreamState>, nowMs: number): Plan {
  const bySize = [...streams].sort((a, b) => b.bytes - a.bytes || (a.id < b.id ? -1 : 1));
  const plans = bySize.map((stream) => planStream(stream, states.get(stream.id), nowMs));
  return { streams: plans, units: plans.flatMap(unitsOf) };
}

function planStream(stream: PlannedStream, state: StreamState | undefined, nowMs: number): StreamPlan {
  const fresh = (reason: CopyReason): StreamPlan => ({
    kind: 'start-copy',
    stream: stream.id,
    version: Math.max(nowMs, (state?.version ?? 0) + 1),
    reason,
  });
  if (state === undefined) return fresh(stream.method === 'FULL_TABLE' ? 'full-table' : 'first-copy');
  if (state.resetAt !== null) return fresh('reset');
  if (state.method !== stream.method) return fresh('method-changed');
  if (state.replicationKey !== stream.replicationKey) return fresh('replication-key-changed');
  if (!sameNames(state.primaryKey, stream.primaryKey)) return fresh('primary-key-changed');
  if (state.copy !== null) {
    if (state.copy.schemaHash !== stream.schemaHash) return fresh('structure-changed');
    return {
      kind: 'resume-copy',
      stream: stream.id,
      version: state.version,
      remaining: rangesLeft(state.copy.done),
      total: state.copy.total,
    };
  }
  if (stream.method === 'FULL_TABLE') return fresh('full-table');
  if (state.activeVersion === null || state.activeVersion !== state.version) return fresh('first-copy');
  if (stream.method === 'LOG_BASED') {
    // Rows that are in the destination keep the old name or type, and the log does not bring them again.
    return isReshaped(state.columns, stream.columns)
      ? fresh('structure-changed')
      : { kind: 'read-log', stream: stream.id, version: state.version };
  }
  return { kind: 'read-key', stream: stream.id, version: state.version };
}

/** Numbers of the ranges that are not done. The last range (the catch-up) is only left alone when all others are done: it must be read last. */
export function rangesLeft(done: string): readonly number[] {
  const left = Array.from({ length: done.length }, (_, range) => range).filter((range) => done[range] === '0');
  return left.length > 1 ? left.filter((range) => range !== done.length - 1) : left;
}

function unitsOf(stream: StreamPlan): readonly Unit[] {
  switch (stream.kind) {
    case 'start-copy':
      return [{ kind: 'copy', stream: stream.stream, version: stream.version }];
    case 'resume-copy':
      // Of a copy that is done but was killed before it became active, any range leads to its activation.
      return (stream.remaining.length === 0 ? [0] : stream.remaining).map((range) => ({
        kind: 'range',
        stream: stream.stream,
        version: stream.version,
        range,
      }));
    case 'read-key':
      return [{ kind: 'key', stream: stream.stream, version: stream.version }];
    case 'read-log':
      return [];
  }
}

/** Whether a column was renamed or got another type. Added and dropped ones are no reason to copy anew. */
function isReshaped(before: readonly KnownColumn[], now: readonly KnownColumn[]): boolean {
  const known = new Map(before.map((column) => [column.position, column]));
  return now.some((column) => {
    const was = known.get(column.position);
    return was !== undefined && (was.name !== column.name || was.type !== column.type);
  });
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, at) => name === b[at]);
}
