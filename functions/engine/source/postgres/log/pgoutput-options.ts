import { quoteIdentifier } from '../quote.ts';

/** An option of START_REPLICATION, or two arguments of the SQL functions. */
export type PluginOption = readonly [name: string, value: string];

/** What pgoutput is asked for. Protocol 2 needs PostgreSQL 14; anything beyond what is listed here is an error on older servers. */
export type PgoutputRequest =
  | { readonly protocol: 1; readonly publications: readonly string[] }
  /** `streaming`: transactions larger than `logical_decoding_work_mem` are sent before they are committed. */
  | { readonly protocol: 2; readonly publications: readonly string[]; readonly streaming: 'on' | 'off' };

/** The options that the decoder of pgoutput expects. https://www.postgresql.org/docs/current/protocol-logical-replication.html */
export function pgoutputOptions(request: PgoutputRequest): readonly PluginOption[] {
  return [
    ['proto_version', `${request.protocol}`],
    // A list of identifiers: without quotes they would be folded to lower case.
    ['publication_names', request.publications.map(quoteIdentifier).join(',')],
    ...(request.protocol === 2 && request.streaming === 'on' ? [['streaming', 'on'] as const] : []),
  ];
}
