import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RowShape, SystemColumns } from '../../../functions/engine/encode/encode.ts';
import { compileLogEncoder } from '../../../functions/engine/encode/log-encoder.ts';
import type { LogChange, LogTransaction } from '../../../functions/engine/model/log-change.ts';
import type { LogHandler, LogTable } from '../../../functions/engine/source/log.ts';
import { openDecoder } from '../../../functions/engine/source/postgres/log/open-decoder.ts';
import { CORPUS_SETUP } from '../../corpus/corpus-types.ts';
import { corpusOf } from '../../corpus/postgres-types.ts';
import type { CorpusRow } from '../../corpus/postgres-types.ts';
import { copyOut, PINNED_SETTINGS } from '../../encode/copy-out.ts';
import { encodeRows } from '../../encode/encode-rows.ts';
import { majors } from '../../support/postgres.ts';
import { feed } from './decode-recorder.ts';
import type { SlotMessage } from './decode-slot.ts';
import { isInstalled, openLogDatabase, waysOf } from './decode-ways.ts';
import type { LogDatabase, Way } from './decode-ways.ts';

const BATCH: SystemColumns = ['_sdc_extracted_at', '_sdc_received_at', '_sdc_batched_at'].map((name) => ({
  name,
  json: '"2020-02-03T04:05:06.789Z"',
}));
const VERSION = { name: '_sdc_table_version', json: '1764000000000' };

const SHAPES: readonly Pick<RowShape, 'jsonColumns' | 'profile'>[] = [
  { jsonColumns: 'string', profile: 'default' },
  { jsonColumns: 'nested', profile: 'default' },
  { jsonColumns: 'string', profile: 'stitch' },
];

describe.each(majors)('the corpus on PostgreSQL %i', (major) => {
  const rows = corpusOf(major);

  for (const way of waysOf(major)) {
    describe.skipIf(!isInstalled(way, major))(`through ${way.name}`, () => {
      let log: LogDatabase;
      let table: LogTable;
      let messages: readonly SlotMessage[];
      let copied: Buffer;

      beforeAll(async () => {
        log = await openLogDatabase(major, way);
        const client = await log.database.connect();
        await client.query(PINNED_SETTINGS);
        for (const { since, sql } of CORPUS_SETUP) if (major >= since) await client.query(sql);
        await client.query(`create table corpus (${rows.map(({ sqlType }, index) => `c${index} ${sqlType}`).join(', ')})`);
        await client.query(`alter table corpus replica identity full`);
        await client.query(`insert into corpus values (${rows.map(({ sql, sqlType }) => `${sql}::${sqlType}`).join(', ')})`);
        const columns = rows.map((row, index) => (isLost(row, way) ? `null::${row.sqlType}` : `c${index}`));
        copied = (await copyOut(client, `copy (select ${columns.join(', ')} from corpus) to stdout`))[0] ?? Buffer.alloc(0);
        await client.query(`update corpus set c0 = c0`);
        await client.query(`delete from corpus`);
        const found = (await log.tables()).find((one) => one.table === 'corpus');
        if (found === undefined) throw new Error('the corpus was not found');
        table = found;
        messages = await log.take();
      });
      afterAll(() => log[Symbol.asyncDispose]());

      it.each(SHAPES)('inserts, updates and deletes have the bytes of a copy (%o)', async (form) => {
        const shape: RowShape = { ...form, fields: table.columns.map(({ name, type }) => ({ name, type })), rowId: false };
        const encoder = compileLogEncoder(shape, { stream: 'db.public.corpus' }).open([...BATCH, VERSION]);
        const seen: { readonly sequence: bigint; readonly deletedAt: string | undefined; readonly lacks: boolean }[] = [];
        let transaction: LogTransaction | undefined;
        const handler: LogHandler = {
          begin: (begun) => {
            transaction = begun;
          },
          change: ({ kind, relation, row, old, lsn }: LogChange) => {
            const writer = encoder.bind(relation);
            if (kind === 'delete' && old !== undefined) writer.writeDelete(old, lsn, transaction?.committedAt ?? '');
            else writer.writeRow(row, old, lsn);
            seen.push({
              sequence: lsn,
              deletedAt: kind === 'delete' ? transaction?.committedAt : undefined,
              lacks: writer.lacksFields,
            });
          },
          truncate: () => undefined,
          commit: () => undefined,
          drained: async () => undefined,
          checkpoint: async () => undefined,
        };
        await using decoder =
          way.plugin === 'pgoutput'
            ? openDecoder({ plugin: 'pgoutput' })
            : openDecoder({ plugin: 'wal2json', format: way.format, tables: [table], numbers: 'bare' });

        await feed(decoder, messages, handler);

        const lines = encoder.take().bytes.toString().split('\n');
        expect(lines.pop()).toBe('');
        expect(seen.map(({ lacks }) => lacks)).toEqual([false, false, false]);
        expect(seen.map(({ deletedAt }) => deletedAt !== undefined)).toEqual([false, false, true]);
        expect(lines).toEqual(
          seen.flatMap(({ sequence, deletedAt }) =>
            encodeRows(
              shape,
              [copied],
              [
                ...BATCH,
                { name: '_sdc_sequence', json: sequence.toString() },
                VERSION,
                { name: '_sdc_deleted_at', json: deletedAt === undefined ? 'null' : JSON.stringify(deletedAt) },
              ],
            ),
          ),
        );
      });
    });
  }
});

/** wal2json prints NaN and infinities of the number types as null; it does not look through domains, arrays and composites. */
function isLost({ sqlType, sql }: CorpusRow, { plugin }: Way): boolean {
  return plugin === 'wal2json' && /^(?:numeric|real|double precision)(?:\(.*\))?$/.test(sqlType) && /NaN|Infinity/.test(sql);
}
