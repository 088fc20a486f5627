import { JsonReader, notJson } from './wal2json-json.ts';

const OPEN = 0x5b;
const CLOSE = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const NAME = Buffer.from('name');
const VALUE = Buffer.from('value');
const OBJECT_NAME = Buffer.from('{"name":"');
const THEN_TYPE_OID = Buffer.from(',"typeoid":');
const THEN_VALUE = Buffer.from(',"value":');
const BEFORE_FIRST = Buffer.from('[');
const THEN_NEXT = Buffer.from('},');
const TYPE_OID = Buffer.from('typeoid');

/** Walks over the columns of one row, each with its name and, after `next`, the reader at its value, which must be read or passed over before the next. */
export interface ColumnCursor {
  /** Has the name as its last string. */
  readonly name: JsonReader;
  /** `pg_type.oid`, 0 where the message does not say. */
  readonly typeOid: number;
  /** At the value. */
  readonly value: JsonReader;
  /** Goes back to before the first column. */
  rewind(): void;
  next(): boolean;
  /** Goes on to the next column if it is this one, as it was sent before: quicker than `next`, and without its name. Else nothing has changed. */
  nextIs(column: ColumnText): boolean;
}

/** What stands before the values of a column, where wal2json writes all that we ask it for. */
export interface ColumnText {
  /** `{"name":"id","typeoid":23,"value":`, or without the type. */
  readonly text: Buffer;
  /** The whole words of it, low byte first. */
  readonly words: Int32Array;
}

/** `rawName`: as it stands between quotes in a message. `typeOid`: 0 where messages do not say it. */
export function columnText(rawName: string, typeOid: number): ColumnText {
  const text = Buffer.from(`{"name":"${rawName}",${typeOid === 0 ? '' : `"typeoid":${typeOid},`}"value":`);
  return { text, words: Int32Array.from({ length: text.length >> 2 }, (_, word) => text.readInt32LE(word * 4)) };
}

/** Format 2: `[{"name":"id","typeoid":23,"value":1},...]`. */
export class ObjectColumns implements ColumnCursor {
  readonly name = new JsonReader();
  readonly value: JsonReader;
  typeOid = 0;
  #start = 0;
  #isInside = false;

  /** Reads on in `reader`, which is behind the last column in the end. */
  constructor(reader: JsonReader) {
    this.value = reader;
  }

  /** Begins at the array that `reader` is at. */
  open(): void {
    this.#start = this.value.i;
    this.rewind();
  }

  rewind(): void {
    this.value.i = this.#start;
    this.#isInside = false;
  }

  next(): boolean {
    const { value } = this;
    if (!this.#isInside) {
      value.take(OPEN);
      this.#isInside = true;
      if (value.has(CLOSE)) return false;
    } else {
      this.#rest();
      if (value.has(CLOSE)) return false;
      value.take(COMMA);
    }
    this.typeOid = 0;
    // What wal2json writes for the options that we give it, in one look each.
    let isNamed = value.hasText(OBJECT_NAME);
    if (isNamed) {
      value.i--;
      this.#name();
      if (value.hasText(THEN_TYPE_OID)) this.typeOid = value.oid();
      if (value.hasText(THEN_VALUE)) return true;
      value.take(COMMA);
    } else value.take(0x7b);
    for (;;) {
      value.rawString();
      if (value.isRaw(VALUE)) {
        if (!isNamed) throw notJson();
        value.take(COLON);
        return true;
      }
      const isName = value.isRaw(NAME);
      const isOid = !isName && value.isRaw(TYPE_OID);
      value.take(COLON);
      if (isName) {
        this.#name();
        isNamed = true;
      } else if (isOid) this.typeOid = value.oid();
      else value.skip();
      value.take(COMMA);
    }
  }

  nextIs(column: ColumnText): boolean {
    const { value } = this;
    const before = value.i;
    if (value.hasText(this.#isInside ? THEN_NEXT : BEFORE_FIRST) && value.hasWords(column.text, column.words)) {
      this.#isInside = true;
      return true;
    }
    value.i = before;
    return false;
  }

  #name(): void {
    const { value, name } = this;
    value.rawString();
    name.bytes = value.bytes;
    name.rawStart = value.rawStart;
    name.rawEnd = value.rawEnd;
  }

  /** What follows the value in its object. */
  #rest(): void {
    const { value } = this;
    while (!value.has(0x7d)) {
      value.take(COMMA);
      value.rawString();
      value.take(COLON);
      value.skip();
    }
  }
}

/** Format 1: `"columnnames":["id",...],"columntypeoids":[23,...],"columnvalues":[1,...]`. */
export class ArrayColumns implements ColumnCursor {
  readonly name = new JsonReader();
  readonly value = new JsonReader();
  typeOid = 0;
  readonly #oid = new JsonReader();
  #starts: { readonly names: number; readonly oids: number; readonly values: number } = { names: 0, oids: -1, values: 0 };
  #isInside = false;

  /** Begins at the three arrays; `oids` is -1 where there is none. */
  open(bytes: Buffer, starts: { readonly names: number; readonly oids: number; readonly values: number }, end: number): void {
    for (const reader of [this.name, this.value, this.#oid]) reader.open(bytes, end, end);
    this.#starts = starts;
    this.rewind();
  }

  rewind(): void {
    this.name.i = this.#starts.names;
    this.value.i = this.#starts.values;
    this.#oid.i = Math.max(0, this.#starts.oids);
    this.#isInside = false;
  }

  next(): boolean {
    const hasOids = this.#starts.oids >= 0;
    const hasName = stepInto(this.name, this.#isInside);
    const hasValue = stepInto(this.value, this.#isInside);
    const hasOid = hasOids ? stepInto(this.#oid, this.#isInside) : hasName;
    this.#isInside = true;
    if (hasName !== hasValue || hasName !== hasOid) throw notJson();
    if (!hasName) return false;
    this.name.rawString();
    this.typeOid = hasOids ? this.#oid.oid() : 0;
    return true;
  }

  nextIs(): boolean {
    return false;
  }
}

/** Whether there is one more element; the reader is at it then. */
function stepInto(reader: JsonReader, isInside: boolean): boolean {
  if (!isInside) {
    reader.take(OPEN);
    return !reader.has(CLOSE);
  }
  if (reader.has(CLOSE)) return false;
  reader.take(COMMA);
  return true;
}
