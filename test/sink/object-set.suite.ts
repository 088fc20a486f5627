import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import type { EncodedBlock, StoredObject } from '../../functions/engine/model/objects.ts';
import type { ObjectSetOptions } from '../../functions/engine/sink/object-set.ts';
import type { Sink } from '../../functions/engine/sink/sink.ts';

/** Whole lines of about `bytes`, numbered from `start`. */
export function block(
  rows: number,
  { start = 0, width = 50 }: { readonly start?: number; readonly width?: number } = {},
): EncodedBlock {
  const lines = Array.from({ length: rows }, (_, n) => `{"id":${start + n},"text":"${noise(start + n, width)}"}\n`);
  return { bytes: Buffer.from(lines.join('')), rows };
}

/** Letters that do not compress well, the same every time. */
function noise(seed: number, width: number): string {
  let text = '';
  for (let n = 0; text.length < width; n++) text += createHash('sha1').update(`${seed} ${n}`).digest('base64');
  return text.slice(0, width);
}

export function setOptions(sink: Sink, more: Partial<ObjectSetOptions> = {}): ObjectSetOptions {
  return {
    sink,
    kind: 'copy',
    keyOf: (part) => `t/1/copy-${String(part).padStart(4, '0')}.jsonl.gz`,
    compression: { kind: 'gzip' },
    rotateBytes: 1_000_000,
    firstSequence: '100',
    lastSequence: '100',
    signal: new AbortController().signal,
    ...more,
  };
}

/** Reads an object back as anybody would and checks all that the set says of it. Returns its ids. */
export async function verifiedIds(sink: Sink, object: StoredObject, key = object.key): Promise<readonly number[]> {
  const stored = await sink.read(key, new AbortController().signal);
  if (stored === undefined) throw new Error(`${key} is not there`);
  const json = gunzipSync(stored);
  const lines = json.toString().split('\n');
  if (lines.pop() !== '') throw new Error(`${key} does not end with a whole line`);
  const actual = {
    rows: lines.length,
    bytes: stored.length,
    jsonBytes: json.length,
    sha256: createHash('sha256').update(stored).digest('hex'),
  };
  for (const [name, value] of Object.entries(actual)) {
    if (Reflect.get(object, name) !== value)
      throw new Error(`${key}: ${name} is ${value}, not ${String(Reflect.get(object, name))}`);
  }
  return lines.map((line) => (JSON.parse(line) as { id: number }).id);
}
