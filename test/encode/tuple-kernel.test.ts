import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RowShape, SystemColumns } from '../../functions/engine/encode/encode.ts';
import { compileLogEncoder } from '../../functions/engine/encode/log-encoder.ts';
import type { LogEncoder } from '../../functions/engine/encode/log-encoding.ts';
import { FIELD } from '../../functions/engine/model/log-change.ts';
import type { LogRelation, LogTuple } from '../../functions/engine/model/log-change.ts';
import type { Lsn } from '../../functions/engine/model/lsn.ts';
import { shapeOf } from './encode-rows.ts';
import { ANY_FIELDS, ANY_VALUES, TOO_MUCH } from './any-row.ts';

/** In another order than the fields, with one that the stream does not have. */
const COLUMNS = [...ANY_FIELDS.map(({ name }) => name).reverse(), 'other'];
const RELATION: LogRelation = {
  oid: 1,
  schema: 'public',
  table: 't',
  replicaIdentity: 'default',
  columns: COLUMNS.map((name) => ({ name, typeOid: 0, isKey: name === 'n' })),
};
const SYSTEM: SystemColumns = [{ name: '_sdc_table_version', json: '1' }];

type Value = string | null | undefined;

/** Values side by side, or with what a message has between them; undefined: not sent. */
function tupleOf(values: readonly Value[], between: string): LogTuple {
  const fields = new Uint8Array(values.length + 3).fill(9);
  const starts = new Int32Array(values.length + 3).fill(-77);
  const ends = new Int32Array(values.length + 3).fill(123_456);
  let text = Buffer.from('in front');
  for (const [column, value] of values.entries()) {
    if (value === null) fields[column] = FIELD.null;
    else if (value === undefined) fields[column] = column % 2 === 0 ? FIELD.unchanged : FIELD.absent;
    else {
      fields[column] = FIELD.text;
      starts[column] = text.length;
      text = Buffer.concat([text, Buffer.from(value)]);
      ends[column] = text.length;
      text = Buffer.concat([text, Buffer.from(between)]);
    }
  }
  return { bytes: text, fields, starts, ends };
}

const TUPLE = fc
  .tuple(
    fc.tuple(...ANY_VALUES.map((value) => fc.option(value, { freq: 5, nil: null }))),
    fc.subarray(COLUMNS.slice(0, -1)),
    fc.constantFrom('', '', 't\0\0\0\x05', '9', '.5', '\t'),
    fc.boolean(),
  )
  .map(([values, unsent, between, isWhole]) =>
    tupleOf(
      [...values.map((value, index) => (!isWhole && unsent.includes(COLUMNS[index] ?? '') ? undefined : value)).reverse(), '7'],
      between,
    ),
  );

/** A record without what only one of the encoders has; or the error. */
function outcomeOf(encoder: LogEncoder, write: (encoder: LogEncoder) => void): string {
  try {
    write(encoder);
  } catch (error) {
    return (error as Error).message;
  }
  const { bytes, rows, firstSequence, lastSequence } = encoder.take();
  const line = bytes.toString().replace(`"filler":${TOO_MUCH[0]?.json ?? ''},`, '');
  expect(line.length).toBeLessThan(100_000);
  return `${rows} ${firstSequence} ${lastSequence} ${line}`;
}

describe.each(['default', 'stitch'] as const)('in the %s profile, what the log has', (profile) => {
  const shape: RowShape = shapeOf(ANY_FIELDS, { profile });
  const open = (system: SystemColumns): LogEncoder => compileLogEncoder(shape, { stream: 's' }).open(system);
  const kernel = open(SYSTEM);
  const byField = open([...TOO_MUCH, ...SYSTEM]);

  test('is the same by the kernel as by field, or the same error: rows, with what the old one has where nothing was sent, and deletes', () => {
    fc.assert(
      fc.property(TUPLE, fc.option(TUPLE), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (row, old, position) => {
        const sequence = position as Lsn;
        for (const write of [
          (encoder: LogEncoder) => encoder.bind(RELATION).writeRow(row, old ?? undefined, sequence),
          (encoder: LogEncoder) => encoder.bind(RELATION).writeDelete(row, sequence, '2026-11-23T00:00:00.000000Z'),
        ])
          expect(outcomeOf(kernel, write)).toBe(outcomeOf(byField, write));
      }),
      { numRuns: 2_000 },
    );
  });
});

test('positions of any size are written as they are', () => {
  const encoder = compileLogEncoder(shapeOf(ANY_FIELDS.slice(0, 1)), { stream: 's' }).open(SYSTEM);
  const positions = Array.from({ length: 20 }, (_, digits) => 10n ** BigInt(digits)).flatMap((power) => [
    power - 1n,
    power,
    power + 1n,
  ]);
  for (const position of [...positions, 2n ** 64n - 1n]) {
    encoder.bind(RELATION).writeRow(tupleOf(['1', ...COLUMNS.map(() => null)], ''), undefined, position as Lsn);

    expect(encoder.take().bytes.toString()).toContain(`,"_sdc_sequence":${position},`);
  }
});

test('rows and deletes of tables without a key have UUIDs that count on, whichever way each goes', () => {
  const encoder = compileLogEncoder(shapeOf(ANY_FIELDS.slice(1, 2), { rowId: true }), { stream: 's' }).open(SYSTEM);
  const writer = encoder.bind(RELATION);
  for (let n = 0; n < 60; n++) {
    const values = COLUMNS.map((name) => (name === 't' ? (n % 7 === 0 ? 'x'.repeat(20_000) : `row ${n}`) : null));
    if (n % 3 === 0) writer.writeDelete(tupleOf(values, ''), BigInt(n) as Lsn, `2026-11-23T00:00:0${n % 2}Z`);
    else writer.writeRow(tupleOf(values, ''), undefined, BigInt(n) as Lsn);
  }

  const records = encoder
    .take()
    .bytes.toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Readonly<Record<string, string | number | null>>);
  const ids = records.map(({ __sdc_primary_key: id }) => String(id));
  const first = Number.parseInt(ids[0]?.slice(-12) ?? '', 16);
  expect(ids.map((id) => Number.parseInt(id.slice(-12), 16))).toEqual(ids.map((_, index) => first + index));
  expect(records.map(({ _sdc_sequence: sequence }) => sequence)).toEqual(records.map((_, index) => index));
  expect(records.map(({ _sdc_deleted_at: at }) => at)).toEqual(
    records.map((_, n) => (n % 3 === 0 ? `2026-11-23T00:00:0${n % 2}Z` : null)),
  );
});
