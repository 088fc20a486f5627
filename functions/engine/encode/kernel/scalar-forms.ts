import { writeDate, writeTimestamp } from './dates.ts';
import { writeBoolean, writeNumber } from './scalars.ts';

/** The forms of `kernel-form.ts` below ARRAY_FORM, but for text, which depends on where it stands, and for none. */
export function writeScalar(form: u32, i: usize, stop: usize, o: usize): u64 {
  switch (form) {
    case 2:
      return writeNumber(i, stop, o);
    case 3:
      return writeBoolean(i, stop, o);
    case 4:
      return writeTimestamp(i, stop, o, false, false);
    case 5:
      return writeTimestamp(i, stop, o, true, false);
    case 6:
      return writeDate(i, stop, o, false);
    case 7:
      return writeTimestamp(i, stop, o, false, true);
    case 8:
      return writeTimestamp(i, stop, o, true, true);
    case 9:
      return writeDate(i, stop, o, true);
    default:
      return 0;
  }
}
