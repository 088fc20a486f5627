import type { LogColumn, LogRelation } from '../../../model/log-change.ts';
import { logUnreadable } from './log-unreadable.ts';
import { atEnd, byte, stringEnd, uint16, uint32 } from './pgoutput-bytes.ts';

const IDENTITIES: Readonly<Record<string, LogRelation['replicaIdentity']>> = {
  d: 'default',
  i: 'index',
  f: 'full',
  n: 'nothing',
};
/** Flag of a column that is part of the replica identity. */
const KEY = 1;

/**
 * The definitions that Relation messages gave. The server describes a relation before its first change and again when it has changed, or has forgotten that it did: an equal
 * description keeps the object, which others remember things by. https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
 */
export class PgoutputRelations {
  readonly #known = new Map<number, { readonly description: Buffer; readonly relation: LogRelation }>();

  /** Takes the Relation message at `start`, without its type and transaction id. */
  describe(bytes: Buffer, start: number, end: number): void {
    const oid = uint32(bytes, start, end);
    const known = this.#known.get(oid)?.description;
    if (known !== undefined && known.length === end - start && bytes.compare(known, 0, known.length, start, end) === 0) return;
    const relation = readRelation(bytes, start, end);
    this.#known.set(oid, { description: Buffer.from(bytes.subarray(start, end)), relation });
  }

  get(oid: number): LogRelation {
    const relation = this.#known.get(oid)?.relation;
    if (relation === undefined) throw logUnreadable('pgoutput', 'a change of a relation that was not described');
    return relation;
  }
}

function readRelation(bytes: Buffer, start: number, end: number): LogRelation {
  const oid = uint32(bytes, start, end);
  const schemaEnd = stringEnd(bytes, start + 4, end);
  const tableEnd = stringEnd(bytes, schemaEnd + 1, end);
  const schema = bytes.toString('utf8', start + 4, schemaEnd);
  const identity = String.fromCharCode(byte(bytes, tableEnd + 1, end));
  const count = uint16(bytes, tableEnd + 2, end);
  const columns: LogColumn[] = [];
  let i = tableEnd + 4;
  for (let column = 0; column < count; column++) {
    const flags = byte(bytes, i, end);
    const nameEnd = stringEnd(bytes, i + 1, end);
    const typeOid = uint32(bytes, nameEnd + 1, end);
    // The type's modifier makes no difference to the text of a value.
    uint32(bytes, nameEnd + 5, end);
    columns.push({ name: bytes.toString('utf8', i + 1, nameEnd), typeOid, isKey: (flags & KEY) !== 0 });
    i = nameEnd + 9;
  }
  atEnd(i, end);
  if (new Set(columns.map(({ name }) => name)).size !== count)
    throw logUnreadable('pgoutput', 'a relation with two columns of one name');
  return {
    oid,
    // An empty name stands for pg_catalog.
    schema: schema === '' ? 'pg_catalog' : schema,
    table: bytes.toString('utf8', schemaEnd + 1, tableEnd),
    replicaIdentity: IDENTITIES[identity] ?? 'unknown',
    columns,
  };
}
