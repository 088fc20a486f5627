import { suggest } from './suggest.ts';

/** Tokens of a key template, as in Stitch; the first four must be there. */
export const KEY_TOKENS = [
  'integration_name',
  'table_name',
  'table_version',
  'timestamp_loaded',
  'year_loaded',
  'month_loaded',
  'day_loaded',
  'hour_loaded',
] as const;

export type KeyToken = (typeof KEY_TOKENS)[number];

/** A piece of a template. */
export type KeyPiece = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'token'; readonly token: KeyToken };

const REQUIRED: readonly KeyToken[] = ['integration_name', 'table_name', 'table_version', 'timestamp_loaded'];

/** Stitch's limit for the template itself. */
const MAX_LENGTH = 500;

/** Longest text of each token: PostgreSQL names are at most 63 bytes, so `schema__table` is at most 128. */
const LONGEST: Readonly<Record<KeyToken, number>> = {
  integration_name: 49,
  table_name: 128,
  table_version: 13,
  timestamp_loaded: 13,
  year_loaded: 4,
  month_loaded: 2,
  day_loaded: 2,
  hour_loaded: 2,
};

/**
 * Takes a key template apart. Stitch's rules (four required tokens, at most 500 characters, no spaces and none of `!@#$%^&*`), and ours:
 * the integration's and the table's name must end where a character begins that cannot be part of a name, so that no two of them can share
 * a key; no empty, hidden (`_`, `.`) or relative part, since query engines leave those out; no `.csv`. An ending `.jsonl` (with `.gz`, `.zst`) is dropped: the
 * object's own ending is added with its unique name.
 * @returns the pieces, or what is wrong.
 */
export function parseKeyTemplate(template: string): readonly KeyPiece[] | { readonly problem: string } {
  if (template.length > MAX_LENGTH) return { problem: `at most ${MAX_LENGTH} characters` };
  if (!/^[\x21-\x7e]*$/.test(template)) return { problem: 'printable ASCII without spaces' };
  if (/[!@#$%^&*\\"'`<>{}|~?]/.test(template)) return { problem: 'none of ! @ # $ % ^ & * \\ " \' ` < > { } | ~ ?' };
  if (/\.csv$/i.test(template)) return { problem: 'an ending .jsonl or none: Backstitch writes JSON Lines' };
  const body = template.replace(/\.jsonl?(\.gz|\.zst)?$/i, '');
  const pieces: KeyPiece[] = [];
  for (const part of body.split(/(\[[^[\]]*\])/)) {
    if (part === '') continue;
    if (!part.startsWith('[')) {
      if (/[[\]]/.test(part)) return { problem: 'tokens in [square brackets]' };
      pieces.push({ kind: 'text', text: part });
      continue;
    }
    const token = KEY_TOKENS.find((known) => part === `[${known}]`);
    if (token === undefined) {
      const meant = suggest(part, KEY_TOKENS);
      return {
        problem: `the tokens ${KEY_TOKENS.map((known) => `[${known}]`).join(', ')}${meant === undefined ? '' : `; did you mean "[${meant}]"?`}`,
      };
    }
    pieces.push({ kind: 'token', token });
  }
  const missing = REQUIRED.filter((token) => !pieces.some((piece) => piece.kind === 'token' && piece.token === token));
  if (missing.length > 0) return { problem: `a template with ${missing.map((token) => `[${token}]`).join(', ')}` };
  for (const [index, piece] of pieces.entries()) {
    if (piece.kind !== 'token' || (piece.token !== 'integration_name' && piece.token !== 'table_name')) continue;
    const next = pieces[index + 1];
    const separated = next === undefined || (next.kind === 'text' && !/^[A-Za-z0-9_$]/.test(next.text));
    if (!separated)
      return { problem: `a character such as "/" or "-" after [${piece.token}], so that no two names can share a key` };
  }
  const shape = pieces.map((piece) => (piece.kind === 'text' ? piece.text : 'x')).join('');
  if (/^\/|\/\//.test(shape)) return { problem: 'no "/" at the start and none doubled' };
  if (/(^|\/)[._]/.test(shape)) return { problem: 'no part that begins with "_" or ".": query engines ignore those' };
  return pieces;
}

/** Length in bytes of the longest key that a template can give, without the unique name that is added. */
export function longestKey(pieces: readonly KeyPiece[]): number {
  return pieces.reduce((sum, piece) => sum + (piece.kind === 'text' ? piece.text.length : LONGEST[piece.token]), 0);
}
