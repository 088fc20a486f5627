/** Words of Stitch, Singer and libpq that mean one of ours. */
const SYNONYMS: Readonly<Record<string, string>> = {
  dbname: 'database',
  username: 'user',
  hostname: 'host',
  tls: 'ssl',
  sslmode: 'mode',
  frequency: 'every',
  interval: 'every',
  cronexpression: 'cron',
  anchortime: 'anchor',
  filterdbs: 'databases',
  replicationmethod: 'method',
  defaultmethod: 'defaultReplicationMethod',
  viewkeyproperties: 'primaryKey',
  includeschemasindestinationstreamname: 'includeSchemaInTableName',
  connectionbudget: 'connections',
  format: 'compression',
  fulltable: 'FULL_TABLE',
  full: 'FULL_TABLE',
  keybased: 'INCREMENTAL',
  cdc: 'LOG_BASED',
  log: 'LOG_BASED',
};

/**
 * The known word that was probably meant, or undefined if none is near: equal but for case and punctuation, else a synonym, else the
 * smallest edit distance (transpositions count one) of at most a third of the word's length.
 */
export function suggest(word: string, known: Iterable<string>): string | undefined {
  const plain = simplify(word);
  if (plain === '' || plain.length > 200) return undefined;
  const synonym = Object.hasOwn(SYNONYMS, plain) ? SYNONYMS[plain] : undefined;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(plain.length / 3)) + 1;
  for (const candidate of known) {
    if (candidate === synonym) return candidate;
    const other = simplify(candidate);
    if (Math.abs(other.length - plain.length) >= bestDistance) continue;
    const distance = editDistance(plain, other);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function simplify(word: string): string {
  return word.toLowerCase().replaceAll(/[\s_\-.$]/g, '');
}

/** Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours. */
export function editDistance(a: string, b: string): number {
  let beforePrevious: readonly number[] = [];
  let previous: readonly number[] = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (beforePrevious[j - 2] ?? 0) + 1);
      current.push(cost);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}
