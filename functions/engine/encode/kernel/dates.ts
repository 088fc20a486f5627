import { digitsAt, endsAt, place, readTo, writtenTo } from './bytes.ts';

const QUOTE: u8 = 0x22;
/** `Z"`, `+00`, `+00:00"` and `T00:00:00+00:00"` in parts, low byte first. */
const UTC_QUOTE: u16 = 0x225a;
const PLUS_00: u32 = 0x30302b;
const STITCH_UTC: u64 = 0x2230303a30302b;
const STITCH_MIDNIGHT: u64 = 0x303a30303a303054;
const SIX_ZEROS: u64 = 0x303030303030;

/** Writes `"2020-02-03T04:05:06.789` of a timestamp from year 1 to 9999. */
function writeDateTime(i: usize, stop: usize, o: usize): u64 {
  const bytes = v128.load(i);
  // `0000-00-00 00:00`: what is left of the bytes is a digit's value, or nothing where a separator stands.
  const rest = v128.xor(bytes, i8x16(48, 48, 48, 48, 45, 48, 48, 45, 48, 48, 32, 48, 48, 58, 48, 48));
  if (v128.any_true(i8x16.gt_u(rest, i8x16(9, 9, 9, 9, 0, 9, 9, 0, 9, 9, 0, 9, 9, 0, 9, 9)))) return 0;
  const seconds = load<u32>(i + 16);
  if ((seconds & 0xff) != 0x3a || ((seconds >> 8) & 0xff) - 0x30 > 9 || ((seconds >> 16) & 0xff) - 0x30 > 9) return 0;
  store<u8>(o, QUOTE);
  // The blank becomes a T.
  v128.store(o + 1, v128.xor(bytes, i8x16(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x74, 0, 0, 0, 0, 0)));
  store<u32>(o + 17, seconds);
  if (seconds >> 24 != 0x2e || i + 19 >= stop) return place(i + 19, o + 20);
  const digits = min<usize>(digitsAt(i + 20), stop - i - 20);
  if (digits == 0 || digits > 6) return 0;
  store<u64>(o + 20, load<u64>(i + 19));
  return place(i + 20 + digits, o + 21 + digits);
}

/** A timestamp as `"2020-02-03T04:05:06.789Z"`; with a time zone its text ends in `+00`. */
export function writeTimestamp(start: usize, stop: usize, o: usize, hasZone: bool, isStitch: bool): u64 {
  const at = writeDateTime(start, stop, o);
  if (at == 0) return 0;
  let i = readTo(at);
  const length = i - start;
  o = writtenTo(at);
  if (hasZone) {
    if ((load<u32>(i) & 0xffffff) != PLUS_00) return 0;
    i += 3;
  }
  if (!endsAt(i, stop)) return 0;
  if (!isStitch) {
    store<u16>(o, UTC_QUOTE);
    return place(i, o + 2);
  }
  // Stitch has all six digits of a fraction, or none: 19 bytes are without one.
  if (length > 19) {
    store<u64>(o, SIX_ZEROS);
    o += 26 - length;
  }
  store<u64>(o, STITCH_UTC);
  return place(i, o + 7);
}

/** A date from year 1 to 9999; as Stitch has it, `"2020-02-03T00:00:00+00:00"`. */
export function writeDate(i: usize, stop: usize, o: usize, isStitch: bool): u64 {
  const bytes = v128.load(i);
  const rest = v128.xor(bytes, i8x16(48, 48, 48, 48, 45, 48, 48, 45, 48, 48, 0, 0, 0, 0, 0, 0));
  const ten = i8x16.gt_u(rest, i8x16(9, 9, 9, 9, 0, 9, 9, 0, 9, 9, -1, -1, -1, -1, -1, -1));
  if (v128.any_true(ten) || !endsAt(i + 10, stop)) return 0;
  store<u8>(o, QUOTE);
  v128.store(o + 1, bytes);
  o += 11;
  if (isStitch) {
    store<u64>(o, STITCH_MIDNIGHT);
    store<u8>(o + 8, 0x30);
    store<u64>(o + 9, STITCH_UTC);
    return place(i + 10, o + 16);
  }
  store<u8>(o, QUOTE);
  return place(i + 10, o + 1);
}
