import type { PluginOption } from './pgoutput-options.ts';
import type { TypeOids } from './settled-types.ts';

export interface Wal2jsonRequest {
  /** Format 2 needs wal2json 2.0. */
  readonly format: 1 | 2;
  /** The tables to send, leaves of partitioned ones by their own names. */
  readonly tables: readonly { readonly schema: string; readonly table: string }[];
  /** `strings` needs wal2json 2.6; with `bare` it prints NaN and infinities as null. */
  readonly numbers: 'bare' | 'strings';
  /** They tell a changed type from the one in the catalog, where it may have changed. */
  readonly typeOids: TypeOids;
}

/**
 * The options that the decoders of wal2json expect: https://github.com/eulerto/wal2json#parameters. An option that the installed version does not have is an error of the server,
 * so that only `numeric-data-types-as-string` is newer than 2.0.
 */
export function wal2jsonOptions(request: Wal2jsonRequest): readonly PluginOption[] {
  return [
    ['format-version', `${request.format}`],
    ['include-xids', 'true'],
    ['include-timestamp', 'true'],
    ['include-lsn', 'true'],
    ['include-types', 'false'],
    ['include-type-oids', request.typeOids === 'wanted' ? 'true' : 'false'],
    ['add-tables', request.tables.map(({ schema, table }) => `${escapeName(schema)}.${escapeName(table)}`).join(',')],
    ...(request.format === 2 ? FORMAT_2 : FORMAT_1),
    ...(request.numbers === 'strings' ? [['numeric-data-types-as-string', 'true'] as const] : []),
  ];
}

const FORMAT_2: readonly PluginOption[] = [
  ['include-transaction', 'true'],
  ['actions', 'insert,update,delete,truncate'],
  // Logical messages are of no use here, and before 2.6 they can break the JSON: only those of a prefix that nobody uses.
  ['add-msg-prefixes', 'backstitch-none'],
];

/** As one string, a transaction is limited to 1 GB; in chunks, its changes also have their own positions. */
const FORMAT_1: readonly PluginOption[] = [['write-in-chunks', 'true']];

/** A name as `add-tables` takes it: what separates and what stands for all is escaped. */
function escapeName(name: string): string {
  return name.replaceAll(/[\\,.*\s\u0085]/g, String.raw`\$&`);
}
