/** Bytes per unit of size. SI units are powers of ten, IEC units powers of two. */
const SIZES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tb: 1e12,
  tib: 2 ** 40,
};

const SECONDS: readonly (readonly [RegExp, number])[] = [
  [/^(s|sec|secs|second|seconds)$/, 1],
  [/^(m|min|mins|minute|minutes)$/, 60],
  [/^(h|hour|hours)$/, 3600],
  [/^(d|day|days)$/, 86_400],
  [/^(w|week|weeks)$/, 604_800],
];

/** Bytes of `128 MiB`, `64KB`, `1.5 GiB` or a plain number; undefined for anything else. */
export function parseSize(value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]{0,3})$/i.exec(value.trim());
  if (match === null) return undefined;
  const unit = match[2] === '' ? 'b' : (match[2] ?? '').toLowerCase();
  const factor = Object.hasOwn(SIZES, unit) ? SIZES[unit] : undefined;
  if (factor === undefined) return undefined;
  const bytes = Number(match[1]) * factor;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Whole seconds of `30 minutes`, `1 hour 30 minutes`, `90s`, or a unit alone such as `day`; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const words = text.trim().toLowerCase();
  if (words.length === 0 || words.length > 60) return undefined;
  if (/^[a-z]+$/.test(words)) return words.length > 1 ? secondsPer(words) : undefined;
  if (!/^(?:\d{1,9}\s*[a-z]+[\s,]*)+$/.test(words)) return undefined;
  let seconds = 0;
  for (const [, count, unit] of words.matchAll(/(\d+)\s*([a-z]+)/g)) {
    const factor = secondsPer(unit ?? '');
    if (factor === undefined) return undefined;
    seconds += Number(count) * factor;
  }
  return seconds;
}

function secondsPer(unit: string): number | undefined {
  return SECONDS.find(([pattern]) => pattern.test(unit))?.[1];
}
