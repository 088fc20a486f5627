import type { LogCaveat } from './decoder.ts';

/** What a way of reading cannot see, for the report. */
export function caveatWarnings(caveats: readonly LogCaveat[]): readonly string[] {
  return caveats.map((caveat) => {
    switch (caveat) {
      case 'not-finite-is-null':
        return 'This version of wal2json writes NaN and infinities of numbers as null: install wal2json 2.6 or newer, or use pgoutput.';
      case 'truncate-unseen':
        return 'This version of wal2json does not tell of TRUNCATE: install wal2json 2.0 or newer, or use pgoutput; until then reset a table that was truncated.';
    }
  });
}
