import type { OutputPlugin } from '../../../model/log-change.ts';
import type { LogTable } from '../../log.ts';
import type { LogCaveat, LogDecoder } from './decoder.ts';
import { PgoutputDecoder } from './pgoutput.ts';
import { spoolRoom } from './spool-room.ts';
import { Wal2json1Decoder } from './wal2json-1.ts';
import { Wal2json2Decoder } from './wal2json-2.ts';
import { Wal2jsonTables } from './wal2json-tables.ts';

export type DecoderOptions =
  | {
      readonly plugin: Extract<OutputPlugin, 'pgoutput'>;
      /** Bytes of streamed transactions (protocol 2) that may lie in a temporary file before {@link SpoolFull} is thrown. @default half of what is free there, see `spoolRoom` */
      readonly spoolBytes?: number;
      /** Bytes of streamed transactions that are kept in memory. @default 8 MiB */
      readonly spoolMemoryBytes?: number;
    }
  | {
      readonly plugin: Extract<OutputPlugin, 'wal2json'>;
      readonly format: 1 | 2;
      /** What of the catalog wal2json does not say; tables that are not here are decoded by what the messages have. */
      readonly tables: readonly LogTable[];
      /** Whether `numeric-data-types-as-string` was asked for. */
      readonly numbers: 'bare' | 'strings';
    };

/** Opens the decoder of a plugin's messages. */
export function openDecoder(options: DecoderOptions): LogDecoder {
  if (options.plugin === 'pgoutput') {
    const { spoolBytes = spoolRoom(), spoolMemoryBytes = 8 * 1024 * 1024 } = options;
    return new PgoutputDecoder({ spoolBytes, spoolMemoryBytes });
  }
  const notFinite: readonly LogCaveat[] = options.numbers === 'bare' ? ['not-finite-is-null'] : [];
  const tables = new Wal2jsonTables(options.tables);
  return options.format === 2
    ? new Wal2json2Decoder(tables, notFinite)
    : new Wal2json1Decoder(tables, ['truncate-unseen', ...notFinite]);
}
