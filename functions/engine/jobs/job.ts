import type { Column, Table } from '../model/catalog.ts';
import type { OutputPlugin } from '../model/log-change.ts';
import type { StreamState } from '../model/stream-state.ts';
import type { PlannedStream } from '../plan/plan.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Compression } from '../sink/compress.ts';
import type { Sink } from '../sink/sink.ts';
import type { Ledger, Lease } from '../ledger/ledger.ts';
import type { LookBack, Source } from '../source/source.ts';
import type { PressureGate } from './pressure-gate.ts';
import type { PressureSettings } from './pressure.ts';
import type { ProgressListener } from './progress.ts';

/** How the rows of an integration are read and written. Everything here comes from its configuration. */
export interface JobSettings {
  readonly integration: string;
  /** Workers at a time, each with one connection: the connection budget. */
  readonly workers: number;
  /** Tables above this many bytes are copied in ranges of about this size. */
  readonly rangeBytes: number;
  /** Objects are closed at about this many bytes of JSON. */
  readonly rotateBytes: number;
  /** A key-based read of more rows than this is made in windows, each a checkpoint. */
  readonly windowRows: number;
  readonly compression: Compression;
  /** Stitch's key template; absent: our own layout. */
  readonly keyTemplate?: string;
  readonly jsonColumns: 'string' | 'nested';
  readonly profile: 'default' | 'stitch';
  readonly logBased: LogSettings;
  readonly pressure: PressureSettings;
  readonly leaseTtlMs: number;
  /** A worker that was asked to stop may go on this long to reach a checkpoint. */
  readonly stopGraceMs: number;
  /** Waits between attempts after a lost connection; their number is the number of further attempts. */
  readonly retryDelaysMs: readonly number[];
  /** Jobs, with their commits and reports in the ledger, are forgotten after this many days. Objects in the sink are never touched. */
  readonly reportRetentionDays: number;
}

/** How slots are found and read. */
export interface LogSettings {
  readonly plugin: OutputPlugin | 'auto';
  readonly consume: 'auto' | 'stream' | 'peek';
  /** Absent: `backstitch_<database>`. */
  readonly slot?: string;
  readonly createSlot: boolean;
}

/** A selected stream as this job reads it. */
export interface JobStream extends Omit<PlannedStream, 'columns'> {
  readonly table: Table;
  /** Selected columns in the table's order. */
  readonly columns: readonly Column[];
  readonly destinationTable: string;
  readonly lookBack: LookBack;
  /** What earlier jobs left; null for a new stream. As it was when the job (or this worker's part of it) began. */
  readonly known: StreamState | null;
  /** Remarks of the selection for the report. */
  readonly warnings: readonly string[];
}

/** Everything the work of a job needs from outside. */
export interface JobContext {
  readonly settings: JobSettings;
  readonly ledger: Ledger;
  readonly lease: Lease;
  readonly source: Source;
  readonly sink: Sink;
  readonly streams: ReadonlyMap<string, JobStream>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly progress: ProgressListener;
  /** Holds reads back while the source is under pressure; absent: nobody is held. */
  readonly pressure?: PressureGate;
}

/** How long work may go on: `stop` asks for a checkpoint and an end, `abort` drops work at once. */
export interface Budget {
  /** Aborted with {@link OutOfTime} where the time of this process ends, not the job. */
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
}

/** Why a process that may run for so long only stops: the job goes on in the next one. */
export class OutOfTime extends Error {
  override readonly name = 'OutOfTime';
  /** Minutes that it had for work. */
  readonly minutes: number;

  constructor(minutes: number) {
    super('The time of this process is over');
    this.minutes = minutes;
  }
}

/** Job ids sort by time, so a loader reads the reports after the last one it has seen. `random` is in `[0, 1)`. */
export function newJobId(now: Date, random: number): string {
  const digits = String(Math.floor(random * 1_000_000)).padStart(6, '0');
  return `${now.toISOString().replaceAll('-', '').replaceAll(':', '')}-${digits}`;
}
