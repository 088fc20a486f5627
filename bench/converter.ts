import type { ValueType } from '../functions/engine/model/catalog.ts';
import type { RowShape, SystemColumns } from '../functions/engine/encode/encode.ts';
import { BLOCK_BYTES, giveBlockMemory } from '../functions/engine/encode/block-memory.ts';
import { compileRowEncoder } from '../functions/engine/encode/row-encoder.ts';
import { median } from './statistics.ts';

/** What one core converts. */
export interface ConverterResult {
  readonly table: 'wide' | 'narrow';
  readonly jsonMbPerS: number;
  /** `JSON.stringify` and `Buffer.from` of the same rows as objects that exist already. */
  readonly stringifyMbPerS: number;
  /** Median over rounds of ours over `JSON.stringify`. */
  readonly ratio: number;
}

/**
 * Below these the path from COPY text to JSON became slower: `--check` fails. Half of what was measured on several machines (wide 8.2 to 9.3, narrow 11.3 to 15.6):
 * processors differ by a third in how fast they are at the one and at the other, and a check that depends on the machine is none.
 */
export const LEAST_RATIOS = { wide: 4.2, narrow: 6 } as const;

const ROWS = 4_000;
const REPEATS = 40;
const CHUNK_BYTES = 64 * 1024;

const SYSTEM: SystemColumns = [
  { name: '_sdc_extracted_at', json: '"2026-01-01T00:00:00.000000Z"' },
  { name: '_sdc_received_at', json: '"2026-01-01T00:00:00.000000Z"' },
  { name: '_sdc_batched_at', json: '"2026-01-01T00:00:00.000000Z"' },
  { name: '_sdc_sequence', json: '123456789012' },
  { name: '_sdc_table_version', json: '1760000000000' },
];

/** Measures the converter alone, on one core, without a server: COPY text to blocks of JSON Lines, system columns included. */
export function benchConverter(rounds: number): readonly ConverterResult[] {
  return [measure('wide', wideSample(), rounds), measure('narrow', narrowSample(), rounds)];
}

interface Sample {
  readonly shape: RowShape;
  readonly copyText: readonly string[];
}

function measure(table: ConverterResult['table'], { shape, copyText }: Sample, rounds: number): ConverterResult {
  const chunks = chunksOf(copyText);
  const compiled = compileRowEncoder(shape, { stream: 'bench' });
  const ours = (): { readonly mb: number; readonly text: string } => {
    const encoder = compiled.open(SYSTEM);
    let total = 0;
    let text = '';
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      for (const chunk of chunks) {
        for (let at = 0; at < chunk.length;) {
          at = encoder.copyMessages(chunk, at, BLOCK_BYTES);
          if (encoder.pendingBytes < BLOCK_BYTES) continue;
          const block = encoder.take().bytes;
          total += block.length;
          if (repeat === 0) text += block.toString();
          giveBlockMemory(block);
        }
      }
      const rest = encoder.take().bytes;
      total += rest.length;
      if (repeat === 0) text += rest.toString();
      giveBlockMemory(rest);
    }
    return { mb: total / 1e6, text };
  };
  const objects = ours()
    .text.trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  const theirs = (): { readonly mb: number } => {
    let total = 0;
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      for (const object of objects) total += Buffer.from(`${JSON.stringify(object)}\n`).length;
    }
    return { mb: total / 1e6 };
  };
  const speeds = { ours: [] as number[], theirs: [] as number[], ratio: [] as number[] };
  for (let round = -1; round < rounds; round++) {
    const [a, b] = [speedOf(ours), speedOf(theirs)];
    // The first round is V8's.
    if (round < 0) continue;
    speeds.ours.push(a);
    speeds.theirs.push(b);
    speeds.ratio.push(a / b);
  }
  return { table, jsonMbPerS: median(speeds.ours), stringifyMbPerS: median(speeds.theirs), ratio: median(speeds.ratio) };
}

/** Whole CopyData messages, as many as a chunk of a socket has. */
function chunksOf(rows: readonly string[]): readonly Buffer[] {
  const chunks: Buffer[] = [];
  let messages: Buffer[] = [];
  let size = 0;
  for (const row of rows) {
    const body = Buffer.from(`${row}\n`);
    const header = Buffer.alloc(5, 'd');
    header.writeInt32BE(body.length + 4, 1);
    if (size + body.length + 5 > CHUNK_BYTES) {
      chunks.push(Buffer.concat(messages));
      messages = [];
      size = 0;
    }
    messages.push(header, body);
    size += body.length + 5;
  }
  return [...chunks, Buffer.concat(messages)];
}

/** By CPU time, so that what else the machine does counts little. */
function speedOf(act: () => { readonly mb: number }): number {
  const before = process.cpuUsage();
  const { mb } = act();
  const { user, system } = process.cpuUsage(before);
  return mb / ((user + system) / 1e6);
}

const NUMBER = { kind: 'number', name: 'numeric' } as unknown as ValueType;
const TEXT: ValueType = { kind: 'text', name: 'text' };
const TIMESTAMPTZ: ValueType = { kind: 'timestamptz', name: 'timestamptz' };

function shapeOf(types: readonly ValueType[]): RowShape {
  return {
    fields: types.map((type, index) => ({ name: `column_${index}`, type })),
    jsonColumns: 'string',
    profile: 'default',
    rowId: false,
  };
}

/** As the table `wide` of the database. */
function wideSample(): Sample {
  const types: readonly ValueType[] = [
    ...[NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER],
    ...[TEXT, TEXT, TEXT, TEXT, TEXT],
    ...[TIMESTAMPTZ, TIMESTAMPTZ],
    ...([
      { kind: 'date', name: 'date' },
      { kind: 'boolean', name: 'bool' },
      { kind: 'text', name: 'uuid' },
    ] as const),
    ...([
      { kind: 'json', name: 'jsonb' },
      { kind: 'array', name: '_text', element: TEXT, delimiter: ',' },
    ] as const),
    ...[NUMBER, NUMBER, TEXT, TEXT],
  ];
  const copyText = Array.from({ length: ROWS }, (_, n) =>
    [
      ...[n, (n * 7919) % 100_000, n % 300, n % 50, ((n % 100_000) / 7).toFixed(2), ((n * 31_337) / 1103).toFixed(16)],
      ['new', 'paid', 'packed'][n % 3],
      `Jürgen Müller ${n % 1000}`,
      n % 20 === 0 ? String.raw`said "fine"\nand\twent \\ home` : n % 3 === 0 ? String.raw`\N` : `no remarks about order ${n}`,
      `${'0123456789abcdef'.repeat(4)} lorem ipsum dolor sit ${n}`,
      `user${n}@example.com`,
      `2023-0${1 + (n % 9)}-11 12:13:14.${100_000 + n}+00`,
      `2024-0${1 + (n % 9)}-11 12:13:14.${100_000 + n}+00`,
      `2022-03-0${1 + (n % 9)}`,
      n % 3 === 0 ? 't' : 'f',
      `0d8e9c7a-1111-4222-8333-44445555${1000 + (n % 9000)}`,
      String.raw`{"ok": true, "note": "a \\"quoted\\" one", "size": ${n % 40}, "color": "red"}`,
      `{t${n % 20},"cat ${n % 9}"}`,
      n / 12_217.37,
      n % 4 === 0 ? String.raw`\N` : `${n % 90}.25`,
      n % 10 === 0 ? 'gift' : String.raw`\N`,
      'DE',
    ].join('\t'),
  );
  return { shape: shapeOf(types), copyText };
}

function narrowSample(): Sample {
  const copyText = Array.from({ length: ROWS }, (_, n) =>
    [n + 1_000_000, `2024-01-01 00:00:0${n % 10}.${100_000 + n}+00`, n % 100, `event ${n % 1000}`].join('\t'),
  );
  return { shape: shapeOf([NUMBER, TIMESTAMPTZ, NUMBER, TEXT]), copyText };
}
