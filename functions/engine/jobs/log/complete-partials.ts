import type { LogSession } from '../../source/log-session.ts';
import type { LogStream, PartialRow } from './log-stream.ts';

/** Keys per query. */
const KEYS_AT_ONCE = 1_000;

/**
 * Reads rows again by their keys, for values that the log did not have, and encodes them under the positions of their changes. What is read may be newer than its change;
 * then the log has that newer change too, at a higher position, and it wins. A row that is gone by now goes out without the values: its delete follows.
 */
export async function completePartials(session: LogSession, stream: LogStream, signal: AbortSignal): Promise<void> {
  const { table, columns, primaryKey } = stream.stream;
  const names = columns.map((column) => column.name);
  const places = primaryKey.map((name) => names.indexOf(name));
  const partials = stream.partials.splice(0);
  for (let start = 0; start < partials.length; start += KEYS_AT_ONCE) {
    const page = partials.slice(start, start + KEYS_AT_ONCE);
    const keys = new Map(page.map((partial) => [keyText(partial.key), partial.key]));
    const rows = await session.rowsByKey(table, names, [...keys.values()], signal);
    const found = new Map(rows.map((row) => [keyText(places.map((place) => row[place] ?? '')), row]));
    for (const partial of page) write(stream, partial, found.get(keyText(partial.key)));
  }
}

function write(stream: LogStream, partial: PartialRow, row: readonly (string | null)[] | undefined): void {
  if (row === undefined) {
    partial.writer.writePartial(partial.values, partial.sequence);
    stream.counts.partial += 1;
  } else {
    // What the log has is what the change had; only what it lacks comes from now.
    const whole = partial.values.map((value, index) => (value === undefined ? (row[index] ?? null) : value));
    stream.encoder.writeText(whole, partial.sequence);
  }
  stream.records += 1;
}

function keyText(key: readonly string[]): string {
  return JSON.stringify(key);
}
