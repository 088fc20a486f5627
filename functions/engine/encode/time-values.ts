import { fractionEnd, matches, padFraction, pattern } from './date-values.ts';
import { UnreadableValueError } from './unreadable-value.ts';
import type { ValueForm, ValueWriter } from './value-writer.ts';

const QUOTE = 0x22;
const TIME = pattern('00:00:00');
const MIDNIGHT_AFTER = Buffer.from('24:00:00');
const OFFSET = /^[+-]\d\d(?::\d\d){0,2}$/;

/** `04:05:06.789` as it is; for Stitch with six digits or none after the point, and 24:00:00 as 00:00:00. */
export function timeWriter(profile: ValueForm['profile']): ValueWriter {
  return timeOfDayWriter({ offset: 'none', profile });
}

/** As {@link timeWriter}, with the offset as `+02:00` where PostgreSQL prints `+02`; the zone is kept, not converted. */
export function timetzWriter(profile: ValueForm['profile']): ValueWriter {
  return timeOfDayWriter({ offset: 'required', profile });
}

function timeOfDayWriter(options: { readonly offset: 'none' | 'required'; readonly profile: ValueForm['profile'] }): ValueWriter {
  return (bytes, start, end, out) => {
    if (!matches(bytes, start, end, TIME)) throw new UnreadableValueError();
    const timeEnd = fractionEnd(bytes, start + TIME.length, end);
    const offset = end - timeEnd > 9 ? '?' : bytes.toString('latin1', timeEnd, end);
    if (options.offset === 'none' ? offset !== '' : !OFFSET.test(offset)) throw new UnreadableValueError();
    out.writeByte(QUOTE);
    if (options.profile === 'stitch' && bytes.compare(MIDNIGHT_AFTER, 0, TIME.length, start, start + TIME.length) === 0)
      out.writeAscii('00:00:00');
    else out.writeBytes(bytes, start, timeEnd);
    if (options.profile === 'stitch') padFraction(timeEnd - start - TIME.length, out);
    out.writeAscii(offset.length === 3 ? `${offset}:00"` : `${offset}"`);
  };
}
