import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { RowEncoder, RowShape } from '../../functions/engine/encode/encode.ts';
import { compileRowEncoder } from '../../functions/engine/encode/row-encoder.ts';
import { CopyFrames } from '../../functions/engine/source/postgres/copy-frames.ts';
import { ANY_FIELDS, ANY_VALUES, copyTextOf, TOO_MUCH } from './any-row.ts';
import { FIELD } from '../../functions/engine/model/log-change.ts';
import type { LogRelation } from '../../functions/engine/model/log-change.ts';
import type { Lsn } from '../../functions/engine/model/lsn.ts';
import { shapeOf } from './encode-rows.ts';

const WEB_ASSEMBLY = (globalThis as unknown as { readonly WebAssembly: object }).WebAssembly;

/** As V8 does under `ulimit -v`. */
function refuseMemory(): never {
  throw new RangeError('WebAssembly.Memory(): could not allocate memory');
}

/** Rows of COPY text. */
const ROW = fc
  .tuple(...ANY_VALUES.map((value) => fc.option(value.map(copyTextOf), { freq: 5, nil: String.raw`\N` })))
  .map((values) => values.join('\t'));

/** A record without its end, which encoders do not share; or that there is none. */
function outcomesOf(encoder: RowEncoder, end: string, rows: readonly string[]): readonly string[] {
  return rows.map((row) => {
    const bytes = Buffer.from(`noise${row}\tnoise`);
    try {
      encoder.copyRow(bytes, 5, bytes.length - 6);
    } catch (error) {
      return (error as Error).message;
    }
    const line = encoder.take().bytes.toString();
    expect(line.endsWith(end)).toBe(true);
    return line.slice(0, -end.length);
  });
}

function messagesOf(rows: readonly string[]): Buffer {
  return Buffer.concat(
    rows.map((row) => {
      const body = Buffer.from(`${row}\n`);
      const header = Buffer.alloc(5, 'd');
      header.writeInt32BE(body.length + 4, 1);
      return Buffer.concat([header, body]);
    }),
  );
}

/** Reads messages as a COPY does, a block at a time. */
function readAtOnce(
  encoder: RowEncoder,
  chunks: readonly Buffer[],
  blockBytes: number,
): { readonly text: string; readonly blocks: readonly number[] } {
  const blocks: number[] = [];
  let text = '';
  const take = (): void => {
    const { bytes } = encoder.take();
    blocks.push(bytes.length);
    text += bytes.toString();
  };
  const frames = new CopyFrames({
    row: (bytes, start, end) => {
      encoder.copyRow(bytes, start, end);
      return encoder.pendingBytes < blockBytes;
    },
    rows: (chunk, at) => encoder.copyMessages(chunk, at, blockBytes),
    get hasEnough() {
      return encoder.pendingBytes >= blockBytes;
    },
    message: () => {
      throw new Error('there is none');
    },
  });
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      at = frames.read(chunk, at);
      if (encoder.pendingBytes >= blockBytes) take();
    }
  }
  if (encoder.pendingBytes > 0) take();
  return { text, blocks };
}

function cut(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const cuts = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((end, index) => Buffer.from(bytes.subarray(cuts[index], end)));
}

test('the committed code of the kernel is what its sources compile to', () => {
  const root = join(import.meta.dirname, '../..');
  expect(() =>
    execFileSync(process.execPath, ['scripts/build-kernel.mjs', '--check'], { cwd: root, stdio: 'pipe' }),
  ).not.toThrow();
});

test('where the system has no memory for the kernel, rows go by field', async () => {
  const row = Buffer.from('1\ttext');
  const shape = shapeOf(ANY_FIELDS.slice(0, 2));
  const refused = { ...WEB_ASSEMBLY, Memory: refuseMemory };
  vi.stubGlobal('WebAssembly', refused);
  vi.resetModules();
  try {
    const { compileRowEncoder: compile } = await import('../../functions/engine/encode/row-encoder.ts');
    const { compileLogEncoder: compileLog } = await import('../../functions/engine/encode/log-encoder.ts');
    const encoder = compile(shape, { stream: 's' }).open([]);

    expect(encoder.copyMessages(messagesOf([row.toString()]), 0, 1e9)).toBe(0);
    encoder.copyRow(row, 0, row.length);
    expect(encoder.take().bytes.toString()).toBe('{"n":1,"t":"text"}\n');

    const log = compileLog(shape, { stream: 's' }).open([]);
    const columns = shape.fields.map(({ name }) => ({ name, typeOid: 0, isKey: false }));
    const relation: LogRelation = { oid: 1, schema: 'public', table: 't', replicaIdentity: 'default', columns };
    const places = { starts: Int32Array.of(0, 2), ends: Int32Array.of(1, 6) };
    log.bind(relation).writeRow({ bytes: row, fields: Uint8Array.of(FIELD.text, FIELD.text), ...places }, undefined, 7n as Lsn);
    expect(log.take().bytes.toString()).toBe('{"n":1,"t":"text","_sdc_sequence":7,"_sdc_deleted_at":null}\n');
  } finally {
    vi.unstubAllGlobals();
    vi.resetModules();
  }
});

describe.each(['default', 'stitch'] as const)('in the %s profile', (profile) => {
  const shape: RowShape = shapeOf(ANY_FIELDS, { profile });

  test('usual rows of any kind of value are taken by the kernel', () => {
    const usual = [
      '-12.5e-3',
      'te"xt',
      'f',
      '2026-11-23 05:00:00.25+00',
      '2026-11-23 05:00:00',
      '2026-11-23',
      '{a,"b c",NULL,{""}}',
      '{1,-2,NULL}',
      '{{"2026-11-23 05:00:00+00"},{NULL}}',
      '{t,f}',
      '{}',
      String.raw`\\x00`,
      '',
    ];
    const bytes = messagesOf([usual.join('\t'), ANY_FIELDS.map(() => String.raw`\N`).join('\t'), usual.join('\t')]);

    expect(compileRowEncoder(shape, { stream: 's' }).open([]).copyMessages(bytes, 0, 1e9)).toBe(bytes.length);
  });

  test('any row is the same by the kernel as by field, or the same error', () => {
    const kernel = compileRowEncoder(shape, { stream: 's' }).open([]);
    const byField = compileRowEncoder(shape, { stream: 's' }).open(TOO_MUCH);
    fc.assert(
      fc.property(fc.array(ROW, { minLength: 1, maxLength: 5 }), (rows) => {
        expect(outcomesOf(kernel, '}\n', rows)).toEqual(outcomesOf(byField, `,"filler":${TOO_MUCH[0]?.json ?? ''}}\n`, rows));
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('rows that are read all at once', () => {
  const shape = shapeOf([ANY_FIELDS[0], ANY_FIELDS[1], ANY_FIELDS[3], ANY_FIELDS[6]].filter((field) => field !== undefined));
  const row = (n: number): string =>
    [
      n % 7 === 0 ? 'NaN' : String(n * 7_919),
      n % 50 === 0 ? 'w'.repeat(17_000 + n) : n % 11 === 0 ? String.raw`\n"\\` : `text of row ${n} ${'.'.repeat(n % 90)}`,
      n % 13 === 0 ? 'infinity' : `2026-11-${10 + (n % 19)} 08:12:00.${100 + (n % 900)}+00`,
      n % 3 === 0 ? String.raw`\N` : `{a,"b ${n}"}`,
    ].join('\t');
  const rows = Array.from({ length: 3_000 }, (_, n) => row(n));
  const messages = messagesOf(rows);
  const open = (options: Partial<RowShape> = {}): RowEncoder =>
    compileRowEncoder({ ...shape, ...options }, { stream: 's' }).open([{ name: '_sdc_sequence', json: '42' }]);
  const expected = ((): string => {
    const encoder = compileRowEncoder(shape, { stream: 's' }).open(TOO_MUCH);
    for (const text of rows) encoder.copyRow(Buffer.from(text), 0, Buffer.byteLength(text));
    return encoder
      .take()
      .bytes.toString()
      .replaceAll(`"filler":${TOO_MUCH[0]?.json ?? ''}`, '"_sdc_sequence":42');
  })();

  test.each([1, 1_000, 60_000, 300_000, 50_000_000])(
    'are those that are read one by one, in blocks of %i bytes',
    (blockBytes) => {
      const whole = readAtOnce(open(), [messages], blockBytes);

      expect(whole.text === expected).toBe(true);
      // One row more than wanted, at most: the largest has 20,000 bytes.
      for (const bytes of whole.blocks) expect(bytes).toBeLessThan(blockBytes + 21_000);
    },
  );

  test('are the same wherever chunks end', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 60 }), fc.integer({ min: 1, max: 200_000 }), (places, blockBytes) => {
        const encoder = open();

        expect(readAtOnce(encoder, cut(messages, places), blockBytes).text === expected).toBe(true);
        expect(encoder.rows).toBe(rows.length);
      }),
      { numRuns: 60 },
    );
  });

  test('of several tables in turns do not mix', () => {
    const encoders = [open(), compileRowEncoder(shapeOf([...shape.fields].reverse()), { stream: 'r' }).open([])];
    const reversed = rows.map((text) => text.split('\t').reverse().join('\t'));
    const sources = [cut(messages, [90_000, 200_000, 500_000]), cut(messagesOf(reversed), [70_000, 300_000, 600_000])];
    const texts: [string, string] = ['', ''];
    const frames = encoders.map(
      (encoder) =>
        new CopyFrames({
          row: (bytes, start, end) => {
            encoder.copyRow(bytes, start, end);
            return true;
          },
          rows: (chunk, at) => encoder.copyMessages(chunk, at, 1e9),
          message: () => false,
        }),
    );

    for (let turn = 0; turn < 4; turn++) {
      for (const index of [0, 1] as const) {
        frames[index]?.read(sources[index]?.[turn] ?? Buffer.alloc(0), 0);
        texts[index] += encoders[index]?.take().bytes.toString() ?? '';
      }
    }

    expect(texts[0] === expected).toBe(true);
    const backwards = texts[1].trimEnd().split('\n');
    expect(backwards.map((line) => Object.entries(JSON.parse(line) as object).reverse())).toEqual(
      expected
        .trimEnd()
        .split('\n')
        .map((line) => Object.entries(JSON.parse(line) as object).slice(0, 4)),
    );
  });

  test('have UUIDs that count on from row to row, whichever way each goes', () => {
    const { text } = readAtOnce(open({ rowId: true }), cut(messages, [1_000, 77_777, 400_000]), 100_000);

    const ids = text
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { __sdc_primary_key: string }).__sdc_primary_key);
    const last = ids.map((id) => Number.parseInt(id.slice(-12), 16));
    expect(last).toEqual(rows.map((_, index) => (last[0] ?? 0) + index));
    expect(new Set(ids.map((id) => id.slice(0, -12))).size).toBe(1);
  });

  test('stop before the one that cannot be read, and it is named', () => {
    const encoder = open();
    const bytes = messagesOf([row(1), row(2).replace(/^\d+/, 'x'), row(3)]);

    const stopped = encoder.copyMessages(bytes, 0, 1e9);

    expect([encoder.rows, stopped]).toEqual([1, messagesOf([row(1)]).length]);
    expect(() => readAtOnce(encoder, [bytes], 1e9)).toThrow('column "n" of s');
  });
});
