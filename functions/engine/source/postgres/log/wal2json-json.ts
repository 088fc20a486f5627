import { logUnreadable } from './log-unreadable.ts';
import { viewOf } from './tuple.ts';
import type { ScratchTuple } from './tuple.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** wal2json nests four levels. */
const MAX_DEPTH = 32;
const NOTHING = Buffer.alloc(0);
const NULL = Buffer.from('null');
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');

/** What the letter after a backslash stands for; 0 where there is no such escape. */
const ESCAPES = new Uint8Array(256);
for (const [letter, code] of Object.entries({ b: 8, t: 9, n: 10, f: 12, r: 13, '"': QUOTE, '\\': BACKSLASH, '/': 0x2f })) {
  ESCAPES[letter.charCodeAt(0)] = code;
}

/** Walks over the bytes of a JSON text without making values of it. Throws `log-unreadable` where it is none, and never reads beyond its end. */
export class JsonReader {
  bytes: Buffer = NOTHING;
  i = 0;
  end = 0;
  /** The inside of the quotes of the last string, as it stands in the text. */
  rawStart = 0;
  rawEnd = 0;

  /** The memory of `bytes` since the last `open`, for looks at four bytes at once. */
  #view: DataView = viewOf(NOTHING);

  open(bytes: Buffer, start: number, end: number): void {
    if (bytes !== this.bytes) this.#view = viewOf(bytes);
    this.bytes = bytes;
    this.i = start;
    this.end = end;
  }

  /** The next byte that is no blank; -1 at the end. */
  peek(): number {
    while (this.i < this.end) {
      const c = this.bytes[this.i] ?? 0;
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return c;
      this.i++;
    }
    return -1;
  }

  /** Steps over the byte if it is the next one. */
  has(byte: number): boolean {
    if (this.peek() !== byte) return false;
    this.i++;
    return true;
  }

  take(byte: number): void {
    if (!this.has(byte)) throw notJson();
  }

  /** Steps over a string, keeping where its inside is. */
  rawString(): void {
    this.take(QUOTE);
    const { bytes, end } = this;
    let i = this.i;
    this.rawStart = i;
    for (; i < end; i++) {
      const c = bytes[i];
      if (c === QUOTE) {
        this.rawEnd = i;
        this.i = i + 1;
        return;
      }
      if (c === BACKSLASH) i++;
    }
    throw notJson();
  }

  /** Whether the last string is `text`, which has no escapes. */
  isRaw(text: Buffer): boolean {
    const { bytes, rawStart } = this;
    if (this.rawEnd - rawStart !== text.length) return false;
    for (let k = 0; k < text.length; k++) if (bytes[rawStart + k] !== text[k]) return false;
    return true;
  }

  /** The last string, read. */
  rawText(): string {
    const text = this.bytes.toString('utf8', this.rawStart, this.rawEnd);
    if (!text.includes('\\')) return text;
    try {
      return JSON.parse(`"${text}"`) as string;
    } catch {
      throw notJson();
    }
  }

  /** A short string, such as a name or a position. */
  string(): string {
    this.rawString();
    return this.rawText();
  }

  /** The next value if it is a string, else undefined and the value is passed over. */
  stringOrNothing(): string | undefined {
    if (this.peek() === QUOTE) return this.string();
    this.skip();
    return undefined;
  }

  /** Steps over `text` if it is what comes next, blanks included. */
  hasText(text: Buffer): boolean {
    const { bytes, i } = this;
    if (this.end - i < text.length) return false;
    for (let k = 0; k < text.length; k++) if (bytes[i + k] !== text[k]) return false;
    this.i = i + text.length;
    return true;
  }

  /** Steps over `text` as {@link hasText} does; `words` are the whole words of it, low byte first. */
  hasWords(text: Buffer, words: Int32Array): boolean {
    const { i } = this;
    if (this.end - i < text.length) return false;
    const view = this.#view;
    const whole = words.length;
    for (let k = 0; k < whole; k++) if (view.getInt32(i + k * 4, true) !== words[k]) return false;
    for (let k = whole * 4; k < text.length; k++) if (this.bytes[i + k] !== text[k]) return false;
    this.i = i + text.length;
    return true;
  }

  /** An OID; format 2 prints it as a signed number. */
  oid(): number {
    const isNegative = this.has(0x2d);
    const { bytes, end } = this;
    let i = this.i;
    let value = 0;
    // No OID has more than ten digits.
    for (const stop = Math.min(end, i + 10); i < stop; i++) {
      const c = bytes[i] ?? 0;
      if (!isDigit(c)) break;
      value = value * 10 + c - 0x30;
    }
    if (i === this.i) throw notJson();
    this.i = i;
    return (isNegative ? -value : value) >>> 0;
  }

  /** An integer as its digits. */
  integer(): string {
    const first = this.peek();
    const start = this.i;
    if (first === 0x2d) this.i++;
    while (this.i < this.end && isDigit(this.bytes[this.i])) this.i++;
    if (this.i - start < (first === 0x2d ? 2 : 1) || this.i - start > 20) throw notJson();
    return this.bytes.toString('latin1', start, this.i);
  }

  /** Steps over a value of any kind. What is inside of an object or array is looked at only as far as needed to find its end. */
  skip(): void {
    const c = this.peek();
    if (c === QUOTE) this.rawString();
    else if (c === 0x7b || c === 0x5b) this.#nested();
    else this.#literal();
  }

  #nested(): void {
    const { bytes, end } = this;
    let depth = 0;
    for (let i = this.i; i < end; i++) {
      const c = bytes[i] ?? 0;
      if (c === QUOTE) {
        for (i++; i < end; i++) {
          const d = bytes[i];
          if (d === QUOTE) break;
          if (d === BACKSLASH) i++;
        }
        // A bracket and a brace differ in one bit.
      } else if ((c | 0x20) === 0x7b) {
        if (++depth > MAX_DEPTH) throw notJson();
      } else if ((c | 0x20) === 0x7d && --depth === 0) {
        this.i = i + 1;
        return;
      }
    }
    throw notJson();
  }

  /** Puts a scalar into a column as PostgreSQL's text. Null is left to the caller: false, and it is passed over. `prefix`: bytes without `\x` before them get it. */
  valueInto(tuple: ScratchTuple, column: number, prefix: boolean): boolean {
    const c = this.peek();
    if (c === QUOTE) {
      const start = tuple.top;
      if (prefix && !this.#startsWithBackslash()) {
        tuple.reserve(2);
        tuple.bytes[tuple.top++] = BACKSLASH;
        tuple.bytes[tuple.top++] = 0x78;
      }
      this.i++;
      this.#copyString(tuple);
      tuple.text(column, start, tuple.top);
      return true;
    }
    if (c === 0x7b || c === 0x5b) throw logUnreadable('wal2json', 'a value that is an object or an array');
    const start = this.i;
    this.#literal();
    if (c === 0x6e) return false;
    const isBoolean = c === 0x74 || c === 0x66;
    const from = tuple.top;
    // `true` and `false` are what wal2json makes of PostgreSQL's `t` and `f`.
    tuple.append(this.bytes, this.#view, start, isBoolean ? start + 1 : this.i);
    tuple.text(column, from, tuple.top);
    return true;
  }

  /** Nothing but blanks may follow. */
  atEnd(): void {
    if (this.peek() !== -1) throw notJson();
  }

  /** Whether the string at hand begins with an escaped backslash, as bytea in its own text form does. */
  #startsWithBackslash(): boolean {
    return this.i + 2 < this.end && this.bytes[this.i + 1] === BACKSLASH && this.bytes[this.i + 2] === BACKSLASH;
  }

  /** Steps over null, true, false or a number. */
  #literal(): void {
    const { bytes, end } = this;
    const start = this.i;
    let i = start;
    while (i < end && isLiteral(bytes[i] ?? 0)) i++;
    const first = bytes[start] ?? 0;
    const isWord = (i - start === 4 && (first === 0x6e || first === 0x74)) || (i - start === 5 && first === 0x66);
    if (isWord) {
      const word = first === 0x6e ? NULL : first === 0x74 ? TRUE : FALSE;
      for (let k = 1; k < word.length; k++) if (bytes[start + k] !== word[k]) throw notJson();
    } else if (i === start || !(first === 0x2d || isDigit(first)) || !isNumber(bytes, start, i)) throw notJson();
    this.i = i;
  }

  #copyString(tuple: ScratchTuple): void {
    const { bytes, end } = this;
    const view = this.#view;
    let i = this.i;
    for (;;) {
      const from = i;
      // Four bytes at once; the flag of the lowest that is a quote or a backslash is exact: https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord
      for (; i + 4 <= end; i += 4) {
        const four = view.getInt32(i, true);
        const quotes = four ^ 0x22222222;
        const backslashes = four ^ 0x5c5c5c5c;
        if (((((quotes - 0x01010101) & ~quotes) | ((backslashes - 0x01010101) & ~backslashes)) & 0x80808080) !== 0) break;
      }
      let c = 0;
      while (i < end && (c = bytes[i] ?? 0) !== QUOTE && c !== BACKSLASH) i++;
      if (i >= end) throw notJson();
      tuple.append(bytes, view, from, i);
      tuple.reserve(4);
      i++;
      if (c === QUOTE) break;
      const letter = i < end ? (bytes[i] ?? 0) : 0;
      if (letter === 0x75) i = this.#copyUnicode(tuple, i + 1);
      else {
        const code = ESCAPES[letter] ?? 0;
        if (code === 0) throw notJson();
        tuple.bytes[tuple.top++] = code;
        i++;
      }
    }
    this.i = i;
  }

  /** Writes the character of `\uXXXX`, whose digits begin at `i`; returns where it ends. Four bytes are reserved. */
  #copyUnicode(tuple: ScratchTuple, i: number): number {
    let code = this.#hex(i);
    let next = i + 4;
    if (code >= 0xd800 && code < 0xdc00) {
      const low = this.bytes[next] === BACKSLASH && this.bytes[next + 1] === 0x75 ? this.#hex(next + 2) : 0;
      if (low < 0xdc00 || low > 0xdfff) throw notJson();
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      next += 6;
    } else if (code >= 0xdc00 && code < 0xe000) throw notJson();
    tuple.top += tuple.bytes.write(String.fromCodePoint(code), tuple.top, 'utf8');
    return next;
  }

  #hex(i: number): number {
    const digits = i + 4 <= this.end ? this.bytes.toString('latin1', i, i + 4) : '';
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw notJson();
    return Number.parseInt(digits, 16);
  }
}

/** Bytes that are not the JSON that wal2json writes. */
export function notJson(): Error {
  return logUnreadable('wal2json', 'text that is not JSON, or is cut off');
}

function isDigit(c: number | undefined): boolean {
  return c !== undefined && c >= 0x30 && c <= 0x39;
}

/** Letters, digits, and what else numbers are made of. */
function isLiteral(c: number): boolean {
  return (c >= 0x30 && c <= 0x39) || (c >= 0x61 && c <= 0x7a) || c === 0x2d || c === 0x2b || c === 0x2e || c === 0x45;
}

/** Only what numbers are made of: their grammar is checked where they are written. */
function isNumber(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const c = bytes[i] ?? 0;
    if (!isDigit(c) && c !== 0x2d && c !== 0x2b && c !== 0x2e && c !== 0x65 && c !== 0x45) return false;
  }
  return true;
}
