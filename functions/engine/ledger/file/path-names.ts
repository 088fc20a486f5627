/**
 * Ids as paths, the same on file systems that ignore case. An id is cut at each `#`: what stands before is a folder whose name ends with `+`, so that listing a prefix
 * reads only the folders of that prefix. Lower-case letters, digits, `-`, `_` and inner dots stand for themselves, every other byte of UTF-8 is `%` and two hex digits.
 * Names longer than file systems take go on in a folder whose name ends with `~`.
 */
const NAME_LENGTH = 180;
const PLAIN = /^[a-z0-9_-]$/;

/** The path of an item, part by part. The last part is the item's own folder. */
export function pathOf(id: string): readonly string[] {
  const parts = id.split('#').flatMap((part, index, all) => {
    const pieces = cut(encodeName(part));
    return pieces.map((piece, at) => (at < pieces.length - 1 ? `${piece}~` : index < all.length - 1 ? `${piece}+` : piece));
  });
  return parts;
}

/** What a path says of an id: the whole of it for an item, the beginning of it for a folder. */
export function idOf(path: readonly string[]): string {
  let id = '';
  let encoded = '';
  for (const name of path) {
    const isCut = name.endsWith('~');
    const isPart = name.endsWith('+');
    encoded += isCut || isPart ? name.slice(0, -1) : name;
    if (isCut) continue;
    id += decodeName(encoded) + (isPart ? '#' : '');
    encoded = '';
  }
  // A cut may fall between the bytes of one character: only what is whole counts.
  return id + decodeName(encoded).replace(/\uFFFD+$/, '');
}

/** Whether a name is that of an item's own folder, not of a folder of items. */
export function isItemName(name: string): boolean {
  return !name.endsWith('+') && !name.endsWith('~');
}

/** One name of a path: never empty, never hidden. */
export function encodeName(part: string): string {
  if (part === '') return '%';
  let name = '';
  for (const char of part) {
    if (PLAIN.test(char) || (char === '.' && name !== '')) name += char;
    else for (const byte of Buffer.from(char)) name += `%${byte.toString(16).padStart(2, '0')}`;
  }
  return name;
}

function decodeName(name: string): string {
  if (name === '%') return '';
  const bytes: number[] = [];
  for (let at = 0; at < name.length; at += 1) {
    if (name[at] === '%') {
      bytes.push(Number.parseInt(name.slice(at + 1, at + 3), 16));
      at += 2;
    } else {
      bytes.push(name.charCodeAt(at));
    }
  }
  return Buffer.from(bytes).toString('utf8');
}

/** Cuts between encoded bytes, not inside `%xx`. */
function cut(name: string): readonly string[] {
  const pieces: string[] = [];
  let rest = name;
  while (rest.length > NAME_LENGTH) {
    let end = NAME_LENGTH;
    if (rest[end - 1] === '%') end -= 1;
    else if (rest[end - 2] === '%') end -= 2;
    pieces.push(rest.slice(0, end));
    rest = rest.slice(end).replace(/^\./, '%2e');
  }
  return [...pieces, rest];
}
