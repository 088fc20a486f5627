/**
 * The sort keys of an integration's items. The parts of a key are separated by `#`; in names that others choose (streams, heads, workers) everything up to `#` and `%` is
 * percent-encoded, so `#` sorts before every character of a part, and keys sort like the names in them. Encoding goes character by character: the encoded prefix of a
 * name is a prefix of the encoded name.
 *
 * | key | item |
 * |---|---|
 * | `lease` | who works for the integration |
 * | `control` | pause, stop request |
 * | `doc#{id}` | one document |
 * | `head#{id}` | bookmark, fence, last commit of what advances on its own |
 * | `commit#{job}#{head}#{batch}` | a commit that is no longer the last one of its head |
 * | `tables#{job}#{generation}#{number}` | a page of the tables of a commit that has very many |
 * | `job#{job}` | the record of a job |
 * | `report#{job}` | a report, or where its pieces are |
 * | `piece#{job}#{generation}#{number}` | a piece of a long report |
 * | `work#{job}` | who does which unit of a job |
 * | `unit#{job}#{generation}#{first}` | a page of units, named by the number of its first unit |
 */
export const keys = {
  lease: 'lease',
  control: 'control',
  document: (id: string): string => `doc#${encodePart(id)}`,
  head: (id: string): string => `head#${encodePart(id)}`,
  commit: (commit: { readonly job: string; readonly head: string; readonly batch: number }): string =>
    `${keys.commitsOfHead(commit)}${number(commit.batch)}`,
  commitsOfHead: (of: { readonly job: string; readonly head: string }): string =>
    `commit#${encodePart(of.job)}#${encodePart(of.head)}#`,
  commitsOfJob: (job: string): string => `commit#${encodePart(job)}#`,
  tables: (job: string, generation: string, page: number): string => `tables#${encodePart(job)}#${generation}#${number(page)}`,
  job: (job: string): string => `job#${encodePart(job)}`,
  report: (job: string): string => `report#${encodePart(job)}`,
  piece: (job: string, generation: string, piece: number): string => `${keys.piecesOf(job, generation)}${number(piece)}`,
  piecesOf: (job: string, generation: string): string => `piece#${encodePart(job)}#${generation}#`,
  work: (job: string): string => `work#${encodePart(job)}`,
  page: (job: string, generation: string, first: number): string => `${keys.pagesOf(job, generation)}${number(first)}`,
  pagesOf: (job: string, generation: string): string => `unit#${encodePart(job)}#${generation}#`,
} as const;

/** Prefixes of everything that belongs to one job, which is the second part of the key. Records last: while one is there, its job is not forgotten. */
export const JOB_PREFIXES = ['commit#', 'tables#', 'piece#', 'report#', 'unit#', 'work#', 'job#'] as const;

/** A name as one part of a key. */
export function encodePart(name: string): string {
  return name.replaceAll(/[\0-#%]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** The name in a part of a key. */
export function decodePart(part: string): string {
  return part.replaceAll(/%([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** The name in the last part of a key of the form `kind#{name}`. */
export function nameIn(key: string): string {
  return decodePart(key.slice(key.indexOf('#') + 1));
}

/** The job in a key of the form `kind#{job}...`. */
export function jobIn(key: string): string {
  return decodePart(key.split('#', 2)[1] ?? '');
}

function number(value: number): string {
  return String(value).padStart(12, '0');
}
