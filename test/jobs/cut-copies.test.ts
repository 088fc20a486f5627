import { describe, expect, test } from 'vitest';
import { CutCopies, keepRanges } from '../../functions/engine/jobs/cut-copies.ts';
import type { JobStream } from '../../functions/engine/jobs/job.ts';
import type { Json, Ledger } from '../../functions/engine/ledger/ledger.ts';
import type { CopyRange } from '../../functions/engine/model/bookmark.ts';

const stream = { id: 'shop.public.t' } as JobStream;
const keys = (...bounds: readonly string[]): readonly CopyRange[] =>
  bounds.map((from) => ({ kind: 'keys', column: 'id', type: 'integer', from }));

/** Documents in memory that count how often they are read. */
function openDocuments(documents: Record<string, unknown>) {
  const reads: string[] = [];
  const ledger: Pick<Ledger, 'document' | 'updateDocument'> = {
    document: async (id) => {
      reads.push(id);
      const value = documents[id] as Json | undefined;
      return Promise.resolve(value === undefined ? undefined : { revision: 1, value });
    },
    updateDocument: async (id, change) => {
      documents[id] = change(documents[id] as Json | undefined);
      return Promise.resolve(documents[id] as Json | undefined);
    },
  };
  return { documents, reads, ledger };
}

function stateOf(version: number, done: string | null) {
  const copy = done === null ? null : { start: {}, total: done.length, done, schemaHash: 'h', keyBookmark: null };
  return { format: 1, stream: stream.id, method: 'FULL_TABLE', version, copy } as never;
}

function cutIn(version: number, done: string) {
  return openDocuments({
    'stream/shop.public.t': stateOf(version, done),
    'ranges/shop.public.t': { version, ranges: keys('1', '2', '3') },
  });
}

describe('what a worker knows of cut copies', () => {
  test('is read once for all ranges, and anew for the last', async () => {
    const { ledger, reads } = cutIn(7, '000');
    const copies = new CutCopies(ledger);

    const first = await copies.of(stream, { version: 7, range: 0 });
    copies.note(stateOf(7, '100'));
    const second = await copies.of(stream, { version: 7, range: 1 });

    expect([first?.copy.done, second?.copy.done, second?.ranges]).toEqual(['000', '100', keys('1', '2', '3')]);
    expect(reads).toEqual(['stream/shop.public.t', 'ranges/shop.public.t']);

    await copies.of(stream, { version: 7, range: 2 });
    expect(reads).toEqual(['stream/shop.public.t', 'ranges/shop.public.t', 'stream/shop.public.t']);
  });

  test.each([
    ['another version took its place', stateOf(8, '000')],
    ['it is complete', stateOf(7, null)],
  ])('is forgotten when %s', async (_, state) => {
    const { ledger, documents } = cutIn(7, '000');
    const copies = new CutCopies(ledger);
    await copies.of(stream, { version: 7, range: 0 });

    documents['stream/shop.public.t'] = state;
    copies.note(state);

    expect(await copies.of(stream, { version: 7, range: 1 })).toBeUndefined();
  });

  test('is not mixed with another version', async () => {
    const { ledger, documents } = cutIn(7, '000');
    const copies = new CutCopies(ledger);
    await copies.of(stream, { version: 7, range: 0 });

    documents['stream/shop.public.t'] = stateOf(8, '00');
    documents['ranges/shop.public.t'] = { version: 8, ranges: keys('5', '6') };

    expect((await copies.of(stream, { version: 8, range: 0 }))?.ranges).toEqual(keys('5', '6'));
  });
});

describe('the ranges of a version', () => {
  test('stay as they were kept first, so that a cut which is made again changes nothing for those who read by it', async () => {
    const { ledger, documents } = openDocuments({});
    const keep = (version: number, ranges: readonly CopyRange[]) =>
      keepRanges({ ledger: ledger as Ledger }, stream, { version, ranges });

    expect(await keep(7, keys('1', '2'))).toEqual(keys('1', '2'));
    expect(await keep(7, keys('1', '9', '10'))).toEqual(keys('1', '2'));
    expect(await keep(8, keys('3'))).toEqual(keys('3'));
    expect(documents).toEqual({ 'ranges/shop.public.t': { version: 8, ranges: keys('3') } });
  });
});
