import { describe, expect, it } from 'vitest';
import { CopyFrames, FrameViolation } from '../../functions/engine/source/postgres/copy-frames.ts';

function message(type: string, body: Buffer | string): Buffer {
  const content = Buffer.from(body);
  const header = Buffer.alloc(5);
  header.write(type, 'latin1');
  header.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([header, content]);
}

/** What frames were seen, as text; stops behind those in `stopAt`. */
class Seen {
  readonly frames: string[] = [];
  stopAt: ReadonlySet<string> = new Set();

  row(bytes: Buffer, start: number, end: number): boolean {
    return this.#add(`d:${bytes.toString('utf8', start, end)}`);
  }

  message(type: number, bytes: Buffer): boolean {
    return this.#add(`${String.fromCharCode(type)}:${bytes.toString('utf8', 5)}`);
  }

  #add(frame: string): boolean {
    this.frames.push(frame);
    return !this.stopAt.has(frame);
  }
}

function readAll(chunks: readonly Buffer[], seen: Seen): void {
  const frames = new CopyFrames(seen);
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) at = frames.read(chunk, at);
  }
}

const STREAM = Buffer.concat([
  message('H', '\0\0\0'),
  message('d', 'first\trow\n'),
  message('d', '\n'),
  message('N', 'a notice'),
  message('d', 'ünï😀\\n\n'),
  message('c', ''),
  message('C', 'COPY 3\0'),
  message('Z', 'I'),
]);
const FRAMES = ['H:\0\0\0', 'd:first\trow', 'd:', 'N:a notice', 'd:ünï😀\\n', 'c:', 'C:COPY 3\0', 'Z:I'];

describe('frames of a COPY', () => {
  it('are the same wherever the bytes are cut in two', () => {
    for (let cut = 0; cut <= STREAM.length; cut += 1) {
      const seen = new Seen();
      readAll([STREAM.subarray(0, cut), STREAM.subarray(cut)], seen);

      expect(seen.frames, `cut at ${cut}`).toEqual(FRAMES);
    }
  });

  it.each([1, 2, 3, 5, 7, 11, 64])('are the same in chunks of %i bytes', (size) => {
    const seen = new Seen();
    const chunks = Array.from({ length: Math.ceil(STREAM.length / size) }, (_, index) =>
      STREAM.subarray(index * size, (index + 1) * size),
    );

    readAll(chunks, seen);

    expect(seen.frames).toEqual(FRAMES);
  });

  it('go on behind the frame that the reader stopped at, wherever the bytes are cut', () => {
    for (let cut = 0; cut <= STREAM.length; cut += 1) {
      const seen = new Seen();
      seen.stopAt = new Set(FRAMES);

      readAll([STREAM.subarray(0, cut), STREAM.subarray(cut)], seen);

      expect(seen.frames, `cut at ${cut}`).toEqual(FRAMES);
    }
  });

  it('stop where the reader says so', () => {
    const seen = new Seen();
    seen.stopAt = new Set(['d:first\trow']);
    const frames = new CopyFrames(seen);

    const at = frames.read(STREAM, 0);

    expect(seen.frames).toEqual(FRAMES.slice(0, 2));
    expect(STREAM.toString('latin1', at, at + 6)).toBe('d\0\0\0\x05\n');
  });

  it('keeps rows apart that are larger than any chunk', () => {
    const rows = ['a'.repeat(300_000), 'b', 'c'.repeat(1_000_000), 'd'.repeat(10)];
    const bytes = Buffer.concat(rows.map((row) => message('d', `${row}\n`)));
    const seen = new Seen();

    readAll(
      Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, index) =>
        bytes.subarray(index * 65_536, (index + 1) * 65_536),
      ),
      seen,
    );

    expect(seen.frames).toEqual(rows.map((row) => `d:${row}`));
  });

  it.each([
    ['a type that has no place here', message('T', 'row description')],
    ['a length below that of the length itself', Buffer.from('d\0\0\0\x03\n', 'latin1')],
    ['a length above what PostgreSQL can allocate', Buffer.from('d\x7f\xff\xff\xff\n', 'latin1')],
    ['a row without its newline', message('d', 'no end')],
    ['a row of no bytes', message('d', '')],
    ['text', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('refuses %s, in one piece and byte by byte', (_, bytes) => {
    expect(() => readAll([bytes], new Seen())).toThrow(FrameViolation);
    expect(() =>
      readAll(
        Array.from(bytes, (byte) => Buffer.of(byte)),
        new Seen(),
      ),
    ).toThrow(FrameViolation);
  });
});
