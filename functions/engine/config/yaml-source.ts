import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, Node } from 'yaml';

/** The way to a setting: keys, and indexes of lists. */
export type SettingPath = readonly (string | number)[];

/** 1-based. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A configuration text as values that remember where they stand. */
export interface YamlSource {
  /** Undefined if there are errors that leave the values in doubt. */
  readonly value: unknown;
  readonly errors: readonly { readonly position: Position; readonly text: string }[];
  /** Where a setting stands: its key, its value, or, if it is not there, the key of what should hold it. */
  locate(path: SettingPath, at: 'key' | 'value'): Position;
}

/** The library's own texts may quote the line, and so a password: these do not. Codes: https://eemeli.org/yaml/#errors */
const ERROR_TEXTS: Readonly<Record<string, string>> = {
  BAD_ALIAS: 'an alias (*name) is not complete; put quotes around a value that begins with *',
  BAD_DIRECTIVE: 'a line begins with %; put quotes around a value that begins with %',
  BAD_DQ_ESCAPE: 'a backslash in "double quotes" is not an escape; write \\\\ or use single quotes',
  BAD_INDENT: 'the indentation does not fit the lines above, or a bracket or quote there is not closed',
  BAD_SCALAR_START: 'a value cannot begin with this character without quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a mapping cannot begin here; put quotes around a value that holds ": "',
  BLOCK_IN_FLOW: 'a block cannot stand inside { } or [ ]',
  MISSING_CHAR: 'a closing quote, bracket or comma, or the space after a colon, is missing',
  MULTILINE_IMPLICIT_KEY: 'a colon is missing after this key',
  MULTIPLE_DOCS: 'the file holds more than one document (---)',
  NON_STRING_KEY: 'a key must be text',
  TAB_AS_INDENT: 'a tab is used to indent; use spaces',
  TAG_RESOLVE_FAILED: 'tags (!name) are not used here; put quotes around a value that begins with !',
  UNEXPECTED_TOKEN: 'something unexpected stands here; put quotes around a value with special characters',
};

/** Parses YAML 1.2 with merge keys. Never throws: what is wrong is in `errors`. */
export function parseYaml(text: string): YamlSource {
  const lines = new LineCounter();
  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  let document: Document.Parsed;
  try {
    document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      stringKeys: true,
      merge: true,
      logLevel: 'silent',
    });
  } catch {
    // The parser recurses, so absurd nesting overflows its stack.
    return unreadable('the file is nested too deeply to be read');
  }
  const errors = [...document.errors, ...document.warnings].map(({ code, pos }) => ({
    position: positionOf(pos[0]),
    text:
      code === 'DUPLICATE_KEY'
        ? duplicateKey(text.slice(pos[0], pos[0] + 50))
        : `not valid YAML: ${ERROR_TEXTS[code] ?? 'something unexpected stands here'}`,
  }));
  const isInDoubt = [...document.errors, ...document.warnings].some(({ code }) => code !== 'DUPLICATE_KEY');
  if (isInDoubt) return { value: undefined, errors, locate: () => ({ line: 1, column: 1 }) };
  try {
    const value: unknown = document.toJS();
    return { value, errors, locate: (path, at) => positionOf(offsetOf(document, path, at)) };
  } catch {
    // Unknown or too many aliases, merge keys that are no mappings; the library's message may hold a value.
    return unreadable(
      'not valid YAML: an alias (*name) has no anchor (&name), or there are too many; put quotes around a value that begins with *',
    );
  }
}

function unreadable(text: string): YamlSource {
  const position = { line: 1, column: 1 };
  return { value: undefined, errors: [{ position, text }], locate: () => position };
}

function duplicateKey(written: string): string {
  const key = /^["']?([A-Za-z_]\w{0,40})/.exec(written)?.[1];
  return `${key === undefined ? 'a key' : `"${key}"`} is there twice in one mapping; keep one`;
}

function offsetOf(document: Document.Parsed, path: SettingPath, at: 'key' | 'value'): number {
  let key: unknown;
  let node: unknown = document.contents;
  for (const step of path) {
    const holder = isAlias(node) ? node.resolve(document) : node;
    if (isMap(holder)) {
      const pair = holder.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      // Not there (or merged in from elsewhere): the nearest thing that has a place is what should hold it.
      if (pair === undefined) return start(key) ?? start(node) ?? 0;
      key = pair.key;
      node = pair.value;
    } else if (isSeq(holder)) {
      key = undefined;
      node = holder.items[Number(step)];
    } else {
      return start(key) ?? start(node) ?? 0;
    }
  }
  return (at === 'key' ? (start(key) ?? start(node)) : (start(node) ?? start(key))) ?? 0;
}

function start(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
