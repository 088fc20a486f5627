import type { ValueType } from '../../../functions/engine/model/catalog.ts';
import type { LogTable } from '../../../functions/engine/source/log.ts';
import { openDecoder } from '../../../functions/engine/source/postgres/log/open-decoder.ts';
import { lsn } from './decode-messages.ts';
import { feed, LogRecorder } from './decode-recorder.ts';

/** A column as structure sync gives it. */
export function column(
  name: string,
  type: ValueType,
  extra: Partial<LogTable['columns'][number]> = {},
): LogTable['columns'][number] {
  return { name, type, toastable: type.kind === 'text' || type.kind === 'bytea', generated: 'no', ...extra };
}

/** `public.t (id int primary key, note text, bytes bytea)`. */
export const TABLE: LogTable = {
  schema: 'public',
  table: 't',
  columns: [
    column('id', { kind: 'number', name: 'int4' }),
    column('note', { kind: 'text', name: 'text' }),
    column('bytes', { kind: 'bytea', name: 'bytea' }),
  ],
  primaryKey: ['id'],
  replicaIdentity: 'default',
};

/** What the decoder of a format makes of messages, the first of which is at 100, the next at 101. */
export async function decode(
  format: 1 | 2,
  messages: readonly string[],
  options: { readonly tables?: readonly LogTable[]; readonly numbers?: 'bare' | 'strings' } = {},
): Promise<LogRecorder> {
  const recorder = new LogRecorder();
  await using decoder = openDecoder({ plugin: 'wal2json', format, tables: [TABLE], numbers: 'bare', ...options });
  await feed(
    decoder,
    messages.map((data, index) => ({ lsn: lsn(100 + index), data: Buffer.from(data) })),
    recorder,
  );
  return recorder;
}
