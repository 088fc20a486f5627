import { FIELD } from '../../../functions/engine/model/log-change.ts';
import type { LogChange, LogRelation, LogTransaction, LogTuple } from '../../../functions/engine/model/log-change.ts';
import type { Lsn } from '../../../functions/engine/model/lsn.ts';
import type { LogHandler } from '../../../functions/engine/source/log.ts';
import type { LogDecoder } from '../../../functions/engine/source/postgres/log/decoder.ts';

/** A value as a test writes it: text, null, or how it is missing. */
export type Seen = string | null | typeof UNCHANGED | typeof ABSENT;
export const UNCHANGED = Symbol('unchanged');
export const ABSENT = Symbol('absent');

export interface SeenChange {
  readonly kind: LogChange['kind'];
  readonly table: string;
  readonly row?: Readonly<Record<string, Seen>>;
  readonly old?: Readonly<Record<string, Seen>>;
  readonly lsn: Lsn;
}

export interface SeenTruncate {
  readonly kind: 'truncate';
  readonly tables: readonly string[];
  readonly lsn: Lsn;
}

export interface SeenTransaction extends LogTransaction {
  readonly changes: (SeenChange | SeenTruncate)[];
  endLsn?: Lsn;
}

/** Keeps a copy of everything that a decoder calls; throws where a tuple does not lie in its bytes. */
export class LogRecorder implements LogHandler {
  readonly transactions: SeenTransaction[] = [];
  readonly relations: LogRelation[] = [];
  drains = 0;

  get changes(): readonly SeenChange[] {
    return this.transactions.flatMap(({ changes }) => changes.filter((change) => change.kind !== 'truncate'));
  }

  /** Changes without their positions. */
  get rows(): readonly Omit<SeenChange, 'lsn'>[] {
    return this.changes.map(({ lsn: _, ...change }) => change);
  }

  begin(transaction: LogTransaction): void {
    if (this.#open !== undefined) throw new Error('a transaction inside of another');
    this.transactions.push({ ...transaction, changes: [] });
  }

  change({ kind, relation, lsn, row, old }: LogChange): void {
    if (this.#open === undefined) throw new Error('a change outside of a transaction');
    this.relations.push(relation);
    this.#open.changes.push({
      kind,
      table: `${relation.schema}.${relation.table}`,
      lsn,
      ...(kind === 'delete' ? {} : { row: valuesOf(relation, row) }),
      ...(old === undefined ? {} : { old: valuesOf(relation, old) }),
    });
  }

  truncate(relations: readonly LogRelation[], lsn: Lsn): void {
    if (this.#open === undefined) throw new Error('a truncate outside of a transaction');
    this.#open.changes.push({ kind: 'truncate', tables: relations.map(({ schema, table }) => `${schema}.${table}`), lsn });
  }

  commit(transaction: LogTransaction, endLsn: Lsn): void {
    const open = this.#open;
    if (open?.xid !== transaction.xid) throw new Error('the commit of another transaction');
    open.endLsn = endLsn;
  }

  async drained(): Promise<void> {
    this.drains++;
  }

  async checkpoint(): Promise<void> {
    // Decoders do not ask for it.
  }

  get #open(): SeenTransaction | undefined {
    const last = this.transactions.at(-1);
    return last?.endLsn === undefined ? last : undefined;
  }
}

function valuesOf(relation: LogRelation, tuple: LogTuple): Record<string, Seen> {
  return Object.fromEntries(relation.columns.map(({ name }, column) => [name, valueOf(tuple, column)]));
}

function valueOf(tuple: LogTuple, column: number): Seen {
  switch (tuple.fields[column]) {
    case FIELD.null:
      return null;
    case FIELD.unchanged:
      return UNCHANGED;
    case FIELD.absent:
      return ABSENT;
    case FIELD.text: {
      const start = tuple.starts[column] ?? -1;
      const end = tuple.ends[column] ?? -1;
      if (start < 0 || end < start || end > tuple.bytes.length) throw new Error('a value outside of its bytes');
      return tuple.bytes.toString('utf8', start, end);
    }
    default:
      throw new Error('a field of unknown state');
  }
}

/** Gives messages to a decoder as a reader would. */
export async function feed(
  decoder: LogDecoder,
  messages: readonly { readonly lsn: Lsn; readonly data: Buffer }[],
  handler: LogHandler,
): Promise<void> {
  for (const { lsn, data } of messages) {
    // Somewhere in a larger buffer, as in a chunk of a socket.
    const chunk = Buffer.concat([Buffer.from('before'), data, Buffer.from('\u0000behind"}]')]);
    let state = decoder.push(chunk, 6, 6 + data.length, lsn, handler);
    while (state === 'more') {
      await handler.drained();
      state = decoder.more(handler);
    }
    chunk.fill(0xff);
  }
}
