import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodePart, encodePart, jobIn, keys, nameIn } from '../../functions/engine/ledger/keys.ts';
import { cutText } from '../../functions/engine/ledger/reports.ts';

const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
const names = fc.string({ unit: fc.constantFrom('a', 'b', '#', '%', '!', ' ', '"', '$', '2', '3', 'ä', '𝄞', '\n') });

test.each([
  [keys.document('stream/shop.public."We#rd"'), 'doc#stream/shop.public.%22We%23rd%22'],
  [keys.head('copy/x'), 'head#copy/x'],
  [keys.commit({ job: 'j', head: 'copy/a#b', batch: 12 }), 'commit#j#copy/a%23b#000000000012'],
  [keys.piece('j', 'g', 3), 'piece#j#g#000000000003'],
  [keys.tables('j', 'g', 3), 'tables#j#g#000000000003'],
  [keys.page('j', 'g', 4_000), 'unit#j#g#000000004000'],
])('%s', (key, expected) => expect(key).toBe(expected));

test('any name comes back from its key', () => {
  fc.assert(
    fc.property(names, (name) => {
      expect(decodePart(encodePart(name))).toBe(name);
      expect(nameIn(keys.head(name))).toBe(name);
      expect(jobIn(keys.commit({ job: name, head: name, batch: 1 }))).toBe(name);
    }),
  );
});

test('the key of a prefix is a prefix of the key', () => {
  fc.assert(
    fc.property(names, names, (prefix, rest) => {
      expect(keys.head(prefix + rest).startsWith(keys.head(prefix))).toBe(true);
    }),
  );
});

test('heads and their commits are in the same order, and batches in theirs', () => {
  fc.assert(
    fc.property(names, names, fc.nat(), fc.nat(), (a, b, m, n) => {
      const commits = compare(keys.commit({ job: 'j', head: a, batch: m }), keys.commit({ job: 'j', head: b, batch: n }));

      expect(Math.sign(commits)).toBe(a === b ? Math.sign(m - n) : Math.sign(compare(keys.head(a), keys.head(b))));
    }),
  );
});

test('text is cut into pieces that make it again, each within its limit', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 4, max: 9 }), (text, maxBytes) => {
      const pieces = [...cutText(text, maxBytes)];

      expect(pieces.join('')).toBe(text);
      expect(pieces.every((piece) => Buffer.byteLength(piece) <= maxBytes)).toBe(true);
    }),
  );
});
