import { randomUUID } from 'node:crypto';
import { bodyOf, damaged, isObject, readAs, removeAlways, update } from './items.ts';
import type { Shelf } from './items.ts';
import { keys } from './keys.ts';
import { failpoint } from '../runtime/failpoints.ts';

/** Pieces of a report are at most so large; a report that fits into one item is kept in one. */
const PIECE_BYTES = 300_000;
/** A report that cannot be put together because it was saved anew each time it was looked at. */
const MOST_ATTEMPTS = 20;

/** A short report, or where the pieces of a long one are: each time it is saved, the pieces have names of their own, so nobody reads a mixture. */
type ReportItem = { readonly text: string } | { readonly generation: string; readonly pieces: number };

/** Saves a report of any length. Readers see the earlier one until the last piece is there. */
export async function saveReport(shelf: Shelf, job: string, report: string): Promise<void> {
  await failpoint('report.ledger.before');
  const item = await writePieces(shelf, job, report);
  const before = await update<ReportItem, ReportItem | undefined>(shelf, keys.report(job), {
    shape: isReport,
    what: 'a report',
    change: (now) => ({ write: item, result: now }),
  });
  await failpoint('report.ledger.after');
  if (before !== undefined && 'generation' in before) await removePieces(shelf, job, before.generation);
}

/** The report of a job as it was saved last. Throws `ledger-damaged`. */
export async function loadReport(shelf: Shelf, job: string): Promise<string | undefined> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const now = (await readAs(shelf, keys.report(job), isReport))?.value;
    if (now === undefined) return undefined;
    if ('text' in now) return now.text;
    const ids = Array.from({ length: now.pieces }, (_, piece) => keys.piece(job, now.generation, piece));
    const items = await shelf.store.getMany(shelf.integration, ids);
    const pieces = ids.map((id) => items.get(id)?.body);
    if (pieces.every((piece) => piece !== undefined)) return pieces.join('');
    // Pieces of an earlier report are removed once a later one is in its place: look again.
  }
  throw damaged(shelf, keys.report(job), 'pieces of it are missing');
}

async function writePieces(shelf: Shelf, job: string, report: string): Promise<ReportItem> {
  if (Buffer.byteLength(JSON.stringify({ text: report })) <= PIECE_BYTES) return { text: report };
  const generation = randomUUID();
  let pieces = 0;
  for (const piece of cutText(report, PIECE_BYTES)) {
    await shelf.store.put(shelf.integration, keys.piece(job, generation, pieces), piece, 0);
    pieces += 1;
  }
  bodyOf({ generation, pieces } satisfies ReportItem, { what: 'a report' });
  return { generation, pieces };
}

async function removePieces(shelf: Shelf, job: string, generation: string): Promise<void> {
  for await (const item of shelf.store.list(shelf.integration, { prefix: keys.piecesOf(job, generation) }))
    await removeAlways(shelf, item);
}

/** Pieces of at most so many bytes of UTF-8, none of which ends inside a character. */
export function* cutText(text: string, maxBytes: number): Iterable<string> {
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length;) {
    let end = Math.min(start + maxBytes, bytes.length);
    // A byte 10xxxxxx goes on with the character before it.
    while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
    yield bytes.toString('utf8', start, end);
    start = end;
  }
}

function isReport(value: unknown): value is ReportItem {
  return (
    isObject(value) &&
    (typeof value['text'] === 'string' || (typeof value['generation'] === 'string' && Number.isSafeInteger(value['pieces'])))
  );
}
