import { printableLines } from './render-text.ts';

/** HTML that is safe to put into a page as it is. Only {@link html} and {@link joined} make it. */
export interface Markup {
  readonly markup: string;
}

type Part = Markup | string | number | readonly Markup[] | undefined;

/** A template whose values are escaped unless they are markup already; arrays are joined, undefined is nothing. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return { markup: strings.reduce((text, literal, at) => text + asMarkup(parts[at - 1]) + literal) };
}

export const nothing: Markup = { markup: '' };

/** Pieces of markup one after the other. */
export function joined(pieces: readonly Markup[]): Markup {
  return { markup: pieces.map((piece) => piece.markup).join('') };
}

function asMarkup(part: Part): string {
  if (part === undefined) return '';
  if (typeof part === 'string' || typeof part === 'number') return escaped(String(part));
  return 'markup' in part ? part.markup : joined(part).markup;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text for element content and quoted attributes; control and direction characters are spelled out. */
function escaped(text: string): string {
  return printableLines(text).replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char);
}
