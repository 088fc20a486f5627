import { FIELD } from '../../../model/log-change.ts';
import type { LogRelation } from '../../../model/log-change.ts';
import { logUnreadable } from './log-unreadable.ts';
import { cutOff, uint16 } from './pgoutput-bytes.ts';
import type { TupleBuffer } from './tuple.ts';

const TEXT = 0x74; // t
const NULL = 0x6e; // n
const UNCHANGED = 0x75; // u
const BINARY = 0x62; // b

/** Reads the TupleData at `start`, which must have the columns of the relation; returns where it ends. Values stay where they are. */
export function readTuple(bytes: Buffer, start: number, end: number, relation: LogRelation, into: TupleBuffer): number {
  const count = uint16(bytes, start, end);
  if (count !== relation.columns.length) throw logUnreadable('pgoutput', 'a tuple that does not fit its relation');
  into.open(count, bytes);
  const { fields, starts, ends } = into;
  let i = start + 2;
  for (let column = 0; column < count; column++) {
    if (i >= end) throw cutOff();
    const kind = bytes[i++];
    if (kind === TEXT) {
      if (i + 4 > end) throw cutOff();
      const length = bytes.readInt32BE(i);
      i += 4;
      if (length < 0 || length > end - i) throw cutOff();
      fields[column] = FIELD.text;
      starts[column] = i;
      ends[column] = i += length;
    } else if (kind === NULL) fields[column] = FIELD.null;
    else if (kind === UNCHANGED) fields[column] = FIELD.unchanged;
    else
      throw logUnreadable(
        'pgoutput',
        kind === BINARY ? 'values in binary form, which were not asked for' : 'a value of unknown form',
      );
  }
  return i;
}

/** Columns of a replica identity cannot be null: in an old tuple that has only them, null stands for what was not sent. */
export function keepKeysOnly(relation: LogRelation, { fields }: TupleBuffer): void {
  for (let column = 0; column < relation.columns.length; column++)
    if (fields[column] === FIELD.null) fields[column] = FIELD.absent;
}
