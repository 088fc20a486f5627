/*
 * The kernel is AssemblyScript, not TypeScript: `npm run kernel` compiles it to `kernel-code.ts`. See https://www.assemblyscript.org.
 * Whatever writes a value returns `place(i, o)`: where it stopped reading, and where it stopped writing. 0: the value is unusual, and nothing of it counts.
 * Loads and stores take sixteen bytes at once and overshoot: what lies behind the input and the output is the host's to keep free.
 */

/** Ends a field of COPY text. */
export const TAB: u8 = 0x09;
/** Ends a row of COPY text. */
export const LINE_END: u8 = 0x0a;

/** Two places as one value. */
export function place(i: usize, o: usize): u64 {
  return ((i as u64) << 32) | (o as u64);
}

/** The first of {@link place}. */
export function readTo(at: u64): usize {
  return (at >> 32) as usize;
}

/** The second of {@link place}. */
export function writtenTo(at: u64): usize {
  return (at & 0xffffffff) as usize;
}

/** In place of where a value ends: not known, since it is a field of COPY text. */
export const AT_TAB: usize = 0xffffffff;

/** Whether a value ends at `i`: where it is known to, or at the end of its field. */
export function endsAt(i: usize, stop: usize): bool {
  if (stop != AT_TAB) return i == stop;
  const c = load<u8>(i);
  return c == TAB || c == LINE_END;
}

/** How many of the sixteen bytes at `i` are digits, from the first one on. */
export function digitsAt(i: usize): i32 {
  const digits = i8x16.lt_u(i8x16.sub(v128.load(i), i8x16.splat(0x30)), i8x16.splat(10));
  return ctz(~i8x16.bitmask(digits));
}

/** Copies `count` bytes, and up to fifteen more; at least sixteen. */
export function copy(from: usize, to: usize, count: usize): void {
  const end = from + count;
  do {
    v128.store(to, v128.load(from));
    from += 16;
    to += 16;
  } while (from < end);
}
