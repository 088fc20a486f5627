import type { LogTransaction } from '../../../model/log-change.ts';
import type { Lsn } from '../../../model/lsn.ts';
import type { LogHandler } from '../../log.ts';
import type { DecodeState, LogCaveat, LogDecoder } from './decoder.ts';
import { logUnreadable } from './log-unreadable.ts';
import { ObjectColumns } from './wal2json-columns.ts';
import type { HeadPlaces } from './wal2json-head.ts';
import { wal2jsonLsn, wal2jsonTransaction } from './wal2json-head.ts';
import { JsonReader } from './wal2json-json.ts';
import { Wal2jsonRows } from './wal2json-rows.ts';
import type { RawChange } from './wal2json-rows.ts';
import type { Wal2jsonTable, Wal2jsonTables } from './wal2json-tables.ts';

const OPEN = 0x7b;
const CLOSE = 0x7d;
const COMMA = 0x2c;
const COLON = 0x3a;
const KEYS = (['action', 'xid', 'timestamp', 'lsn', 'nextlsn', 'schema', 'table', 'columns', 'identity'] as const).map(
  (name) => ({
    name,
    bytes: Buffer.from(name),
  }),
);
/** By length: hardly two have the same. */
const KEYS_OF_LENGTH = Array.from({ length: 10 }, (_, length) => KEYS.filter(({ bytes }) => bytes.length === length));

/**
 * wal2json's format 2: a message for each begin (B), commit (C), change (I, U, D), truncated table (T) and logical message (M, passed over). A change has the position that its
 * message came with. https://github.com/eulerto/wal2json
 */
export class Wal2json2Decoder implements LogDecoder {
  readonly caveats: readonly LogCaveat[];
  readonly #tables: Wal2jsonTables;
  readonly #rows = new Wal2jsonRows();
  readonly #reader = new JsonReader();
  readonly #row = new ObjectColumns(this.#reader);
  readonly #old = new ObjectColumns(this.#reader);
  readonly #schema = new JsonReader();
  readonly #table = new JsonReader();
  #hasSchema = false;
  #hasTable = false;
  #transaction: LogTransaction | undefined;

  constructor(tables: Wal2jsonTables, caveats: readonly LogCaveat[]) {
    this.#tables = tables;
    this.caveats = caveats;
  }

  push(message: Buffer, start: number, end: number, lsn: Lsn, handler: LogHandler): DecodeState {
    const reader = this.#reader;
    reader.open(message, start, end);
    reader.take(OPEN);
    // It is always the first member.
    if (keyOf(reader) !== 'action') throw logUnreadable('wal2json', 'a message without an action (format-version)');
    const action = reader.string();
    this.#hasSchema = false;
    this.#hasTable = false;
    switch (action) {
      case 'B':
        this.#begin(this.#headPlaces(), handler);
        break;
      case 'C':
        this.#commit(this.#headPlaces(), lsn, handler);
        break;
      case 'I':
        this.#change('insert', lsn, handler);
        break;
      case 'U':
        this.#change('update', lsn, handler);
        break;
      case 'D':
        this.#change('delete', lsn, handler);
        break;
      case 'T':
        this.#inside();
        this.#headPlaces();
        handler.truncate([this.#tableOfMessage().relation], lsn);
        break;
      case 'M':
        break;
      default:
        throw logUnreadable('wal2json', 'an unknown action');
    }
    return 'done';
  }

  more(): DecodeState {
    return 'done';
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  #begin(head: HeadPlaces, handler: LogHandler): void {
    if (this.#transaction !== undefined) throw logUnreadable('wal2json', 'a transaction inside of another');
    const commitLsn = wal2jsonLsn(this.#reader, head.lsn);
    if (commitLsn === undefined) throw logUnreadable('wal2json', 'a transaction without its position (include-lsn)');
    this.#transaction = wal2jsonTransaction(this.#reader, head, commitLsn);
    handler.begin(this.#transaction);
  }

  /** Before 2.3 there is no `nextlsn`: the message itself comes with the end of the commit record. */
  #commit(head: HeadPlaces, lsn: Lsn, handler: LogHandler): void {
    const transaction = this.#transaction;
    if (transaction === undefined) throw logUnreadable('wal2json', 'a commit without a transaction');
    const endLsn = wal2jsonLsn(this.#reader, head.nextlsn) ?? lsn;
    this.#transaction = undefined;
    handler.commit(transaction, endLsn);
  }

  #change(kind: RawChange['kind'], lsn: Lsn, handler: LogHandler): void {
    this.#inside();
    const reader = this.#reader;
    let table: Wal2jsonTable | undefined;
    let row: ObjectColumns | undefined;
    let old: ObjectColumns | undefined;
    while (reader.has(COMMA)) {
      const key = keyOf(reader);
      if (key === 'columns' || key === 'identity') {
        if (table === undefined) {
          table = this.#tableOfMessage();
          this.#rows.begin(table);
        }
        const cursor = key === 'columns' ? (row = this.#row) : (old = this.#old);
        cursor.open();
        if (this.#rows.readAhead(key === 'columns' ? 'row' : 'old', cursor, { kind, table, oldNulls: 'sent' })) continue;
        cursor.rewind();
      }
      if (!this.#isName(key)) reader.skip();
    }
    this.#atEnd();
    handler.change(this.#rows.read({ kind, table: table ?? this.#tableOfMessage(), row, old, lsn, oldNulls: 'sent' }));
  }

  /** Goes over the rest of a message that has no rows. */
  #headPlaces(): HeadPlaces {
    const reader = this.#reader;
    let places: HeadPlaces = {};
    while (reader.has(COMMA)) {
      const key = keyOf(reader);
      if (key === 'xid' || key === 'timestamp' || key === 'lsn' || key === 'nextlsn') places = { ...places, [key]: reader.i };
      if (!this.#isName(key)) reader.skip();
    }
    this.#atEnd();
    return places;
  }

  /** Keeps the value of a member that names the table. */
  #isName(key: string | undefined): boolean {
    if (key !== 'schema' && key !== 'table') return false;
    const reader = this.#reader;
    const into = key === 'schema' ? this.#schema : this.#table;
    if (key === 'schema') this.#hasSchema = true;
    else this.#hasTable = true;
    reader.rawString();
    into.bytes = reader.bytes;
    into.rawStart = reader.rawStart;
    into.rawEnd = reader.rawEnd;
    return true;
  }

  #tableOfMessage(): Wal2jsonTable {
    if (!this.#hasSchema || !this.#hasTable) throw logUnreadable('wal2json', 'a change without its table');
    return this.#tables.find(this.#schema, this.#table);
  }

  #inside(): void {
    if (this.#transaction === undefined)
      throw logUnreadable('wal2json', 'a change outside of a transaction (include-transaction)');
  }

  #atEnd(): void {
    this.#reader.take(CLOSE);
    this.#reader.atEnd();
  }
}

/** Steps over the key of a member and its colon, to its value. */
function keyOf(reader: JsonReader): (typeof KEYS)[number]['name'] | undefined {
  reader.rawString();
  const key = KEYS_OF_LENGTH[reader.rawEnd - reader.rawStart]?.find(({ bytes }) => reader.isRaw(bytes));
  reader.take(COLON);
  reader.peek();
  return key?.name;
}
