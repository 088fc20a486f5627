import type { Lsn } from '../../../functions/engine/model/lsn.ts';

/** A value of a tuple: text, null, `u` for unchanged, or bytes in binary form. */
export type Value = string | null | typeof UNSENT | Buffer;
export const UNSENT = Symbol('unsent');

const uint = (bytes: 1 | 2 | 4, value: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
};
const int64 = (value: bigint): Buffer => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(BigInt.asIntN(64, value));
  return buffer;
};
const string = (text: string): Buffer => Buffer.from(`${text}\0`);
const message = (type: string, ...parts: readonly (Buffer | undefined)[]): Buffer =>
  Buffer.concat([Buffer.from(type), ...parts.filter((part) => part !== undefined)]);
const inStream = (xid: number | undefined): Buffer | undefined => (xid === undefined ? undefined : uint(4, xid));

export function lsn(value: number | bigint): Lsn {
  return BigInt(value) as Lsn;
}

/** Messages of pgoutput as the server writes them; `xid` where they are part of a stream. */
export const pgoutput = {
  begin: (options: { readonly commitLsn: bigint; readonly xid: number; readonly time?: bigint }): Buffer =>
    message('B', int64(options.commitLsn), int64(options.time ?? 0n), uint(4, options.xid)),
  commit: (options: { readonly commitLsn: bigint; readonly endLsn: bigint; readonly time?: bigint }): Buffer =>
    message('C', uint(1, 0), int64(options.commitLsn), int64(options.endLsn), int64(options.time ?? 0n)),
  origin: (name: string): Buffer => message('O', int64(1n), string(name)),
  type: (oid: number, name: string, xid?: number): Buffer =>
    message('Y', inStream(xid), uint(4, oid), string('public'), string(name)),
  relation: (
    relation: {
      readonly oid: number;
      readonly schema?: string;
      readonly table: string;
      readonly identity?: string;
      readonly columns: readonly (readonly [name: string, typeOid: number, key?: 'key'])[];
    },
    xid?: number,
  ): Buffer =>
    message(
      'R',
      inStream(xid),
      uint(4, relation.oid),
      string(relation.schema ?? 'public'),
      string(relation.table),
      Buffer.from(relation.identity ?? 'd'),
      uint(2, relation.columns.length),
      ...relation.columns.map(([name, typeOid, key]) =>
        Buffer.concat([uint(1, key === undefined ? 0 : 1), string(name), uint(4, typeOid), uint(4, 0xffffffff)]),
      ),
    ),
  insert: (oid: number, row: readonly Value[], xid?: number): Buffer =>
    message('I', inStream(xid), uint(4, oid), Buffer.from('N'), tuple(row)),
  update: (oid: number, row: readonly Value[], old?: readonly [kind: 'K' | 'O', row: readonly Value[]], xid?: number): Buffer =>
    message(
      'U',
      inStream(xid),
      uint(4, oid),
      old && Buffer.concat([Buffer.from(old[0]), tuple(old[1])]),
      Buffer.from('N'),
      tuple(row),
    ),
  delete: (oid: number, kind: 'K' | 'O', row: readonly Value[], xid?: number): Buffer =>
    message('D', inStream(xid), uint(4, oid), Buffer.from(kind), tuple(row)),
  truncate: (oids: readonly number[], xid?: number): Buffer =>
    message('T', inStream(xid), uint(4, oids.length), uint(1, 1), ...oids.map((oid) => uint(4, oid))),
  logical: (text: string, xid?: number): Buffer =>
    message('M', inStream(xid), uint(1, 1), int64(1n), string('prefix'), uint(4, text.length), Buffer.from(text)),
  streamStart: (xid: number, first: boolean): Buffer => message('S', uint(4, xid), uint(1, first ? 1 : 0)),
  streamStop: (): Buffer => message('E'),
  streamCommit: (options: {
    readonly xid: number;
    readonly commitLsn: bigint;
    readonly endLsn: bigint;
    readonly time?: bigint;
  }): Buffer =>
    message('c', uint(4, options.xid), uint(1, 0), int64(options.commitLsn), int64(options.endLsn), int64(options.time ?? 0n)),
  streamAbort: (xid: number, part: number): Buffer => message('A', uint(4, xid), uint(4, part)),
} as const;

function tuple(values: readonly Value[]): Buffer {
  return Buffer.concat([uint(2, values.length), ...values.map(valueBytes)]);
}

function valueBytes(value: Value): Buffer {
  if (value === null) return Buffer.from('n');
  if (value === UNSENT) return Buffer.from('u');
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from(typeof value === 'string' ? 't' : 'b'), uint(4, bytes.length), bytes]);
}
