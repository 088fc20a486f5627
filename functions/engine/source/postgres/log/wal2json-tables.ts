import type { LogRelation } from '../../../model/log-change.ts';
import type { LogTable } from '../../log.ts';
import { logUnreadable } from './log-unreadable.ts';
import { columnText } from './wal2json-columns.ts';
import type { ColumnCursor, ColumnText } from './wal2json-columns.ts';
import type { JsonReader } from './wal2json-json.ts';

const BYTEA_OID = 17;
/** Definitions of a table that are remembered; a change that fits none of them is looked at twice. */
const DEFINITIONS = 8;
/** Tables that are remembered by the bytes of their names. */
const NAMES = 20_000;

/** A relation with what is needed to find its columns in a message. */
export interface Definition {
  readonly relation: LogRelation;
  readonly columns: readonly DefinedColumn[];
}

export interface DefinedColumn {
  readonly name: string;
  /** The name as it stands between quotes in a message. */
  readonly raw: Buffer;
  /** What stands before its values. */
  readonly before: ColumnText;
  readonly typeOid: number;
  readonly isBytea: boolean;
  /** Whether an update may leave it out. */
  readonly isToastable: boolean;
}

/** Finds tables by the bytes of their names. */
export class Wal2jsonTables {
  readonly #catalog: ReadonlyMap<string, LogTable>;
  readonly #byName = new Map<string, Wal2jsonTable>();
  readonly #byBytes = new Map<string, Wal2jsonTable>();
  /** Most changes are of the same table as the one before. */
  #last: { readonly schema: Buffer; readonly table: Buffer; readonly found: Wal2jsonTable } | undefined;

  constructor(tables: readonly LogTable[]) {
    this.#catalog = new Map(tables.map((table) => [JSON.stringify([table.schema, table.table]), table]));
  }

  /** The table whose names two readers have as their last strings. */
  find(schema: JsonReader, table: JsonReader): Wal2jsonTable {
    const last = this.#last;
    if (last !== undefined && schema.isRaw(last.schema) && table.isRaw(last.table)) return last.found;
    const found = this.#find(schema, table);
    const raw = ({ bytes, rawStart, rawEnd }: JsonReader): Buffer => Buffer.from(bytes.subarray(rawStart, rawEnd));
    this.#last = { schema: raw(schema), table: raw(table), found };
    return found;
  }

  #find(schema: JsonReader, table: JsonReader): Wal2jsonTable {
    const bytes = `${schema.bytes.toString('latin1', schema.rawStart, schema.rawEnd)}"${table.bytes.toString('latin1', table.rawStart, table.rawEnd)}`;
    const known = this.#byBytes.get(bytes);
    if (known !== undefined) return known;
    const name = { schema: schema.rawText(), table: table.rawText() };
    const id = JSON.stringify([name.schema, name.table]);
    const found = this.#byName.get(id) ?? new Wal2jsonTable(name, this.#catalog.get(id));
    if (this.#byBytes.size >= NAMES) this.#byBytes.clear();
    this.#byBytes.set(bytes, found);
    this.#byName.set(id, found);
    return found;
  }
}

/**
 * What is known of a table's columns. wal2json names the columns that it sends with every row and leaves out TOAST values that an update did not change, so that a row alone does not
 * tell what the table had: the catalog says which columns may be left out. It is as of now; columns of the past that it does not have are taken from the messages.
 */
export class Wal2jsonTable {
  readonly isFull: boolean;
  /** Names of virtual generated columns (18), as they stand in messages: they are not stored, and wal2json prints null for them. */
  readonly virtual: readonly Buffer[];
  /** Last used first. */
  readonly definitions: Definition[] = [];
  readonly #name: { readonly schema: string; readonly table: string };
  readonly #catalog: LogTable | undefined;

  constructor(name: { readonly schema: string; readonly table: string }, catalog: LogTable | undefined) {
    this.#name = name;
    this.#catalog = catalog;
    this.isFull = catalog?.replicaIdentity === 'full';
    this.virtual = storedColumns(catalog, 'virtual').map(({ name }) => Buffer.from(rawName(name)));
  }

  /** The relation where a message names none of its columns. */
  get relation(): LogRelation {
    return (
      this.definitions[0] ??
      this.#keep(
        this.#define(
          [],
          storedColumns(this.#catalog, 'stored').map(({ name }) => name),
        ),
      )
    ).relation;
  }

  /** Makes `definition` the first to be tried. */
  prefer(definition: Definition): void {
    const at = this.definitions.indexOf(definition);
    if (at > 0) this.definitions.unshift(...this.definitions.splice(at, 1));
  }

  /** Whether the column at hand has no value of its own. */
  isVirtual({ name }: ColumnCursor): boolean {
    return this.virtual.length > 0 && this.virtual.some((raw) => name.isRaw(raw));
  }

  /**
   * Defines the table as a change shows it. An insert has every column. An update may lack unchanged TOAST values: columns of the catalog that can have them are added, and
   * columns that only its old row has. A delete may have no more than the key: all columns of the catalog are added.
   */
  define(kind: 'insert' | 'update' | 'delete', row: ColumnCursor | undefined, old: ColumnCursor | undefined): Definition {
    const sent = [...this.#columnsOf(row), ...this.#columnsOf(old)];
    const rest = storedColumns(this.#catalog, 'stored').filter(
      (column) => kind === 'delete' || (kind === 'update' && column.toastable),
    );
    return this.#keep(
      this.#define(
        sent,
        rest.map(({ name }) => name),
      ),
    );
  }

  /** The type that a column had when it was sent last: without it, each column that is left out first would make a definition of its own. */
  #lastOidOf(name: string): number {
    for (const { columns } of this.definitions) {
      const oid = columns.find((column) => column.name === name)?.typeOid ?? 0;
      if (oid !== 0) return oid;
    }
    return 0;
  }

  #columnsOf(cursor: ColumnCursor | undefined): readonly { readonly name: string; readonly typeOid: number }[] {
    if (cursor === undefined) return [];
    const columns: { readonly name: string; readonly typeOid: number }[] = [];
    cursor.rewind();
    while (cursor.next()) {
      if (!this.isVirtual(cursor)) columns.push({ name: cursor.name.rawText(), typeOid: cursor.typeOid });
      cursor.value.skip();
    }
    if (new Set(columns.map(({ name }) => name)).size !== columns.length)
      throw logUnreadable('wal2json', 'a row with two columns of one name');
    return columns;
  }

  #keep(definition: Definition): Definition {
    this.definitions.unshift(definition);
    if (this.definitions.length > DEFINITIONS) this.definitions.pop();
    return definition;
  }

  #define(sent: readonly { readonly name: string; readonly typeOid: number }[], rest: readonly string[]): Definition {
    const catalog = this.#catalog;
    const oids = new Map<string, number>();
    for (const { name, typeOid } of sent) if (!oids.has(name)) oids.set(name, typeOid);
    for (const name of rest) if (!oids.has(name)) oids.set(name, this.#lastOidOf(name));
    const columns = [...oids].map(([name, typeOid]): DefinedColumn => {
      const known = catalog?.columns.find((column) => column.name === name);
      return {
        name,
        raw: Buffer.from(rawName(name)),
        before: columnText(rawName(name), typeOid),
        typeOid,
        isBytea: typeOid === 0 ? known?.type.kind === 'bytea' : typeOid === BYTEA_OID,
        isToastable: known?.toastable ?? true,
      };
    });
    const keys = new Set(
      this.isFull ? columns.map(({ name }) => name) : catalog?.replicaIdentity === 'default' ? catalog.primaryKey : [],
    );
    const relation: LogRelation = {
      oid: 0,
      ...this.#name,
      replicaIdentity: catalog?.replicaIdentity ?? 'unknown',
      columns: columns.map(({ name, typeOid }) => ({ name, typeOid, isKey: keys.has(name) })),
    };
    return { relation, columns };
  }
}

/** Columns of the catalog that rows have a value of, or have not. */
function storedColumns(catalog: LogTable | undefined, which: 'stored' | 'virtual'): LogTable['columns'] {
  return catalog?.columns.filter(({ generated }) => (generated === 'virtual') === (which === 'virtual')) ?? [];
}

/** A name as PostgreSQL's escape_json() writes it; the same as JSON.stringify() for all that a name can have but the delete character. */
function rawName(name: string): string {
  return JSON.stringify(name).slice(1, -1);
}
