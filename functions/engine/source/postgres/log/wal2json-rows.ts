import { FIELD } from '../../../model/log-change.ts';
import type { LogTuple } from '../../../model/log-change.ts';
import type { Lsn } from '../../../model/lsn.ts';
import { logUnreadable } from './log-unreadable.ts';
import { ChangeBuffer, ScratchTuple } from './tuple.ts';
import type { ColumnCursor } from './wal2json-columns.ts';
import type { DefinedColumn, Definition, Wal2jsonTable } from './wal2json-tables.ts';

/** What stands for a column that a message does not have: none may be left out, only TOAST values, or all that the old row does not tell. */
type Missing = 'refused' | 'unchanged' | 'absent' | 'null';

/** One change as a message has it. */
export interface RawChange {
  readonly kind: 'insert' | 'update' | 'delete';
  readonly table: Wal2jsonTable;
  readonly row: ColumnCursor | undefined;
  readonly old: ColumnCursor | undefined;
  readonly lsn: Lsn;
  /** Format 1 leaves nulls out of old rows. */
  readonly oldNulls: 'sent' | 'left-out';
}

/** Turns the columns of messages into tuples; the change is one object, used again for each. */
export class Wal2jsonRows {
  readonly #row = new ScratchTuple();
  readonly #old = new ScratchTuple();
  readonly #change = new ChangeBuffer(this.#row);
  /** What the parts that were read ahead fit. */
  #ahead: Definition | undefined;

  /** Begins a change of which parts may be read ahead. */
  begin(table: Wal2jsonTable): void {
    this.#ahead = table.definitions[0];
  }

  /** Reads one part where it stands, if the table looks as it did last; false, with the cursor anywhere, if not. */
  readAhead(part: 'row' | 'old', cursor: ColumnCursor, of: Pick<RawChange, 'kind' | 'table' | 'oldNulls'>): boolean {
    if (this.#ahead !== undefined && !this.#fitsPart(part, cursor, of, this.#ahead)) this.#ahead = undefined;
    return this.#ahead !== undefined;
  }

  /** The change; parts that were not read ahead are read now. */
  read(raw: RawChange): ChangeBuffer {
    const { table, kind } = raw;
    if ((raw.row === undefined) !== (kind === 'delete') || (kind === 'delete' && raw.old === undefined)) {
      throw logUnreadable('wal2json', 'a change without its row');
    }
    const definition = this.#ahead ?? table.definitions.find((known) => this.#fits(raw, known)) ?? this.#define(raw);
    this.#ahead = undefined;
    table.prefer(definition);
    const change = this.#change;
    change.kind = kind;
    change.relation = definition.relation;
    change.lsn = raw.lsn;
    if (raw.row === undefined) this.#row.clear(definition.columns.length);
    change.old = raw.old !== undefined && (kind === 'delete' || this.#tellsMore(table, definition)) ? this.#old : undefined;
    return change;
  }

  #define(raw: RawChange): Definition {
    const definition = raw.table.define(raw.kind, raw.row, raw.old);
    if (!this.#fits(raw, definition)) throw logUnreadable('wal2json', 'a row whose columns are not in one order');
    return definition;
  }

  #fits(raw: RawChange, definition: Definition): boolean {
    if (raw.row !== undefined && !this.#fitsPart('row', raw.row, raw, definition)) return false;
    return raw.old === undefined || this.#fitsPart('old', raw.old, raw, definition);
  }

  #fitsPart(
    part: 'row' | 'old',
    cursor: ColumnCursor,
    { kind, table, oldNulls }: Pick<RawChange, 'kind' | 'table' | 'oldNulls'>,
    { columns }: Definition,
  ): boolean {
    if (part === 'row') return fill(cursor, { table, columns }, this.#row, kind === 'insert' ? 'refused' : 'unchanged');
    return fill(cursor, { table, columns }, this.#old, table.isFull && oldNulls === 'left-out' ? 'null' : 'absent');
  }

  /**
   * Whether the old row of an update has something that the new one has not. wal2json sends one with every update, made of the new row where the key did not change;
   * pgoutput does not, and the same change must give the same records.
   */
  #tellsMore(table: Wal2jsonTable, definition: Definition): boolean {
    const row = this.#row;
    const old = this.#old;
    let isWhole = true;
    for (let column = 0; column < definition.columns.length; column++) {
      if (old.fields[column] === FIELD.text && !isSame(old, row, column)) return true;
      if (old.fields[column] === FIELD.absent) isWhole = false;
    }
    // Of a table whose identity was made FULL since, old rows still have no more than a key.
    return table.isFull && isWhole;
  }
}

/** Reads columns into a tuple; false if they are not those of the definition, in its order. */
function fill(
  cursor: ColumnCursor,
  of: { readonly table: Wal2jsonTable; readonly columns: readonly DefinedColumn[] },
  tuple: ScratchTuple,
  missing: Missing,
): boolean {
  const { table, columns } = of;
  cursor.rewind();
  tuple.clear(columns.length);
  let place = 0;
  for (;;) {
    const expected = columns[place];
    if (expected !== undefined && cursor.nextIs(expected.before)) {
      if (!cursor.value.valueInto(tuple, place, expected.isBytea)) tuple.fields[place] = FIELD.null;
      place++;
      continue;
    }
    if (!cursor.next()) break;
    if (table.isVirtual(cursor)) {
      cursor.value.skip();
      continue;
    }
    let column = columns[place];
    while (column !== undefined && !isNamed(cursor, column)) {
      if (!leaveOut(tuple, place, column, missing)) return false;
      column = columns[++place];
    }
    if (column?.typeOid !== cursor.typeOid) return false;
    if (!cursor.value.valueInto(tuple, place, column.isBytea)) tuple.fields[place] = FIELD.null;
    place++;
  }
  for (; place < columns.length; place++) {
    const column = columns[place];
    if (column === undefined || !leaveOut(tuple, place, column, missing)) return false;
  }
  return true;
}

function leaveOut(tuple: ScratchTuple, place: number, column: DefinedColumn, missing: Missing): boolean {
  if (missing === 'refused' || (missing === 'unchanged' && !column.isToastable)) return false;
  tuple.fields[place] = FIELD[missing];
  return true;
}

function isNamed({ name }: ColumnCursor, column: DefinedColumn): boolean {
  // The delete character is all that PostgreSQL may write in another way than we expect; no escape, no difference.
  return (
    name.isRaw(column.raw) || (name.bytes.subarray(name.rawStart, name.rawEnd).includes(0x5c) && name.rawText() === column.name)
  );
}

function isSame(a: LogTuple, b: LogTuple, column: number): boolean {
  if (b.fields[column] !== FIELD.text) return false;
  const start = a.starts[column] ?? 0;
  const end = a.ends[column] ?? 0;
  const from = b.starts[column] ?? 0;
  if ((b.ends[column] ?? 0) - from !== end - start) return false;
  return a.bytes.compare(b.bytes, from, from + end - start, start, end) === 0;
}
