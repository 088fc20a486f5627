import { FIELD } from '../../../model/log-change.ts';
import type { LogChange, LogRelation, LogTuple } from '../../../model/log-change.ts';
import type { Lsn } from '../../../model/lsn.ts';

const NOTHING = Buffer.alloc(0);
const COLUMNS = 64;
/** Scratch that one huge row needed is given back. */
const SCRATCH_KEPT_BYTES = 1024 * 1024;

/** From here on the runtime's copy is worth its call. */
const LONG_BYTES = 256;

/** A view of the whole of a buffer's memory. */
export function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A tuple that is filled anew for every change. Entries beyond the relation's columns are left over from wider relations. */
export class TupleBuffer implements LogTuple {
  bytes: Buffer = NOTHING;
  fields: Uint8Array = new Uint8Array(COLUMNS);
  starts: Int32Array = new Int32Array(COLUMNS);
  ends: Int32Array = new Int32Array(COLUMNS);

  /** Begins a tuple of so many columns, all of them absent, whose values lie in `bytes`. */
  open(columns: number, bytes: Buffer): void {
    this.bytes = bytes;
    if (this.fields.length < columns) {
      this.fields = new Uint8Array(columns);
      this.starts = new Int32Array(columns);
      this.ends = new Int32Array(columns);
    }
    this.fields.fill(FIELD.absent, 0, columns);
  }

  text(column: number, start: number, end: number): void {
    this.fields[column] = FIELD.text;
    this.starts[column] = start;
    this.ends[column] = end;
  }
}

/** A tuple whose values are copied into memory of its own, because they do not stand in the message as PostgreSQL's text. */
export class ScratchTuple extends TupleBuffer {
  top = 0;
  #scratch: Buffer = NOTHING;
  #view: DataView = viewOf(NOTHING);

  /** Begins a tuple without values. */
  clear(columns: number): void {
    if (this.#scratch.length > SCRATCH_KEPT_BYTES) {
      this.#scratch = NOTHING;
      this.#view = viewOf(NOTHING);
    }
    this.top = 0;
    this.open(columns, this.#scratch);
  }

  /** Makes room for `count` bytes from `top` on. */
  reserve(count: number): void {
    if (this.top + count <= this.#scratch.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.top + count, this.#scratch.length * 2, 4096));
    this.#scratch.copy(grown, 0, 0, this.top);
    this.#scratch = grown;
    this.#view = viewOf(grown);
    this.bytes = grown;
  }

  /** Appends `source[start, end)`, of which `view` is the same memory. */
  append(source: Buffer, view: DataView, start: number, end: number): void {
    const count = end - start;
    this.reserve(count + 4);
    let { top } = this;
    if (count > LONG_BYTES) source.copy(this.#scratch, top, start, end);
    else {
      // A short loop costs less than a call into the runtime.
      const target = this.#view;
      let i = start;
      for (; i + 4 <= end; i += 4, top += 4) target.setInt32(top, view.getInt32(i, true), true);
      for (; i < end; i++, top++) this.#scratch[top] = source[i] ?? 0;
    }
    this.top += count;
  }
}

/** A change that is filled anew for every one. */
export class ChangeBuffer implements LogChange {
  kind: LogChange['kind'] = 'insert';
  relation: LogRelation = { oid: 0, schema: '', table: '', replicaIdentity: 'unknown', columns: [] };
  lsn: Lsn = 0n as Lsn;
  row: LogTuple;
  old: LogTuple | undefined;

  constructor(row: LogTuple) {
    this.row = row;
  }
}
