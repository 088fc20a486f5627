import { parseKeyTemplate } from '../../functions/engine/config/key-tokens.ts';
import type { DestinationConfig } from '../../functions/engine/config/config.ts';

/** Patterns of IAM for the keys of one integration, below its sink's prefix. */
export interface ObjectPatterns {
  /** Of every object that its jobs write rows to. */
  readonly rows: string;
  /** Of what is written beside them: schemas of tables, reports, logs. */
  readonly notes: string;
  /** Of the prefixes that jobs list. */
  readonly listed: string;
}

/** What `check` tries its rights on, below the sink's prefix. */
export const CHECK_PATTERN = '_check/*';

/** Which keys belong to an integration: everything below its name, and whatever a key template makes of it. */
export function objectPatterns({ keyTemplate }: Pick<DestinationConfig, 'keyTemplate'>, integration: string): ObjectPatterns {
  const notes = `${integration}/*`;
  if (keyTemplate === undefined) return { rows: notes, notes, listed: notes };
  const pieces = parseKeyTemplate(keyTemplate);
  if ('problem' in pieces) throw new TypeError(`destination.keyTemplate is not valid: ${pieces.problem}`);
  let rows = '';
  let listed = '';
  let isListed = true;
  for (const piece of pieces) {
    const pattern = piece.kind === 'text' ? piece.text : piece.token === 'integration_name' ? integration : '*';
    rows += pattern;
    // Tokens of time are unknown to who lists: a prefix ends before the first one.
    isListed &&= piece.kind === 'text' || !piece.token.endsWith('_loaded');
    if (isListed) listed += pattern;
  }
  return { rows: star(rows), notes, listed: star(listed) };
}

function star(pattern: string): string {
  return `${pattern}*`.replaceAll(/\*{2,}/g, '*');
}
