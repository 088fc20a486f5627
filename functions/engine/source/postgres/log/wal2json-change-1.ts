import type { Lsn } from '../../../model/lsn.ts';
import { logUnreadable } from './log-unreadable.ts';
import type { ChangeBuffer } from './tuple.ts';
import { ArrayColumns } from './wal2json-columns.ts';
import { JsonReader } from './wal2json-json.ts';
import { Wal2jsonRows } from './wal2json-rows.ts';
import type { Wal2jsonTables } from './wal2json-tables.ts';

const OPEN = 0x7b;
const CLOSE = 0x7d;
const COMMA = 0x2c;
const COLON = 0x3a;

interface Arrays {
  readonly names: number;
  readonly oids: number;
  readonly values: number;
}

const NONE: Arrays = { names: -1, oids: -1, values: -1 };

/** Reads one element of format 1's `change`. */
export class Change1Reader {
  readonly #tables: Wal2jsonTables;
  readonly #rows = new Wal2jsonRows();
  readonly #row = new ArrayColumns();
  readonly #old = new ArrayColumns();
  readonly #schema = new JsonReader();
  readonly #table = new JsonReader();

  constructor(tables: Wal2jsonTables) {
    this.#tables = tables;
  }

  /** Steps over the element that `reader` is at; whether it is a row, and not a logical message. */
  isRow(reader: JsonReader): boolean {
    const from = reader.i;
    reader.skip();
    const end = reader.i;
    reader.i = from;
    reader.take(OPEN);
    const isKind = reader.string() === 'kind';
    reader.take(COLON);
    const kind = isKind ? reader.stringOrNothing() : undefined;
    reader.i = end;
    return kind !== 'message';
  }

  /** Steps over the element that `reader` is at; undefined for a logical message. */
  read(reader: JsonReader, lsn: Lsn): ChangeBuffer | undefined {
    let kind = '';
    let hasSchema = false;
    let hasTable = false;
    let row = NONE;
    let old = NONE;
    reader.take(OPEN);
    do {
      const key = reader.string();
      reader.take(COLON);
      reader.peek();
      const place = reader.i;
      switch (key) {
        case 'kind':
          kind = reader.string();
          continue;
        case 'schema':
          this.#schema.open(reader.bytes, place, reader.end);
          this.#schema.rawString();
          hasSchema = true;
          break;
        case 'table':
          this.#table.open(reader.bytes, place, reader.end);
          this.#table.rawString();
          hasTable = true;
          break;
        case 'columnnames':
          row = { ...row, names: place };
          break;
        case 'columntypeoids':
          row = { ...row, oids: place };
          break;
        case 'columnvalues':
          row = { ...row, values: place };
          break;
        case 'oldkeys':
          old = oldKeys(reader);
          continue;
        default:
          break;
      }
      reader.skip();
    } while (reader.has(COMMA));
    reader.take(CLOSE);
    if (kind === 'message') return undefined;
    if (kind !== 'insert' && kind !== 'update' && kind !== 'delete') throw logUnreadable('wal2json', 'a change of unknown kind');
    if (!hasSchema || !hasTable) throw logUnreadable('wal2json', 'a change without its table');
    const columns = opened(this.#row, reader, row);
    const keys = opened(this.#old, reader, old);
    return this.#rows.read({
      kind,
      table: this.#tables.find(this.#schema, this.#table),
      row: columns,
      old: keys,
      lsn,
      oldNulls: 'left-out',
    });
  }
}

function oldKeys(reader: JsonReader): Arrays {
  let arrays = NONE;
  reader.take(OPEN);
  do {
    const key = reader.string();
    reader.take(COLON);
    reader.peek();
    if (key === 'keynames') arrays = { ...arrays, names: reader.i };
    else if (key === 'keytypeoids') arrays = { ...arrays, oids: reader.i };
    else if (key === 'keyvalues') arrays = { ...arrays, values: reader.i };
    reader.skip();
  } while (reader.has(COMMA));
  reader.take(CLOSE);
  return arrays;
}

function opened(columns: ArrayColumns, reader: JsonReader, arrays: Arrays): ArrayColumns | undefined {
  if (arrays.names < 0 || arrays.values < 0) return undefined;
  columns.open(reader.bytes, arrays, reader.end);
  return columns;
}
