import type { LookBack } from '../source.ts';
import { keyLiteral } from './keyed-column.ts';
import type { KeyColumn } from './keyed-column.ts';
import type { Horizon } from './look-back.ts';
import { DEFAULT_LOOK_BACK_SECONDS } from './look-back.ts';
import { quoteLiteral } from './quote.ts';

/** How much earlier than it says the clock counts: a backend has its timestamp a moment before `pg_stat_activity` has it. */
const SETTLE_SECONDS = 5;

/** Between which keys a bookmark may come to lie. */
export interface BoundInput {
  readonly key: KeyColumn;
  readonly lookBack: LookBack;
  /** For time keys. */
  readonly horizon?: Horizon;
  /** The bookmark so far: the next one never lies before it, since what its digest is made of must have been delivered. */
  readonly from?: string;
  /** End of the window. */
  readonly last: string;
  /** The highest key there is, now. */
  readonly highest: string;
}

/** An SQL expression (text) for the value up to which no open transaction can commit any more; undefined where that is simply the end of the window. */
export function boundSql(input: BoundInput): string | undefined {
  const { key, lookBack, horizon } = input;
  if (horizon !== undefined) return timeBound(input, horizon);
  return key.family === 'number' && lookBack.kind === 'number' ? numberBound(input, lookBack.amount) : undefined;
}

function timeBound(input: BoundInput, horizon: Horizon): string {
  const { key, from, last, highest } = input;
  const type = `pg_catalog.${key.column.type.name}`;
  const isLocal = key.column.type.name !== 'timestamptz';
  const clock = `${quoteLiteral(horizon.clock)}::pg_catalog.timestamptz`;
  const back = `interval '${Math.max(horizon.seconds, SETTLE_SECONDS)} seconds'`;
  // The cast to the column's type rounds as the column does: keys written from now on are at least the rounded bound, and it is read inclusively.
  const moment =
    horizon.oldest === undefined
      ? `(${clock} - ${back})`
      : `least(${quoteLiteral(horizon.oldest)}::pg_catalog.timestamptz, ${clock} - ${back})`;
  const moments = isLocal
    ? horizon.zones.map((zone) => `(${moment} at time zone ${quoteLiteral(zone)})::${key.type}`)
    : [`${moment}::${key.type}`];
  const highestTime = `${keyLiteral(key, highest)}::pg_catalog.${isLocal ? 'timestamp' : 'timestamptz'}`;
  const behindHighest = horizon.seconds > 0 ? [`(${highestTime} - interval '${horizon.seconds} seconds')::${key.type}`] : [];
  // A client may write the local time of a zone that nobody told us. Its highest key is not above its local time, so what it may still commit lies no further
  // behind that key than the oldest transaction behind the clock. (Not for dates: they would always fall to the day before.)
  const behindInAnyZone = key.column.type.name === 'timestamp' ? [`(${highestTime} - (${clock} - ${moment}))::${key.type}`] : [];
  const candidates = [keyLiteral(key, last), ...moments, ...behindHighest, ...behindInAnyZone, ...preparedBound(input, horizon)];
  const bound = `least(${candidates.map((candidate) => `${candidate}::${type}`).join(', ')})`;
  return `${from === undefined ? bound : `greatest(${keyLiteral(key, from)}::${type}, ${bound})`}::text`;
}

/**
 * When a prepared transaction began is not recorded. But it was open (or not begun) when the bookmark was made, which was therefore put at or before its
 * beginning: the bookmark stays where it is. Without one, it is given the default time to have been open.
 */
function preparedBound({ key, from }: BoundInput, { firstPrepared, zones }: Horizon): readonly string[] {
  if (firstPrepared === undefined) return [];
  if (from !== undefined) return [keyLiteral(key, from)];
  const moment = `(${quoteLiteral(firstPrepared)}::pg_catalog.timestamptz - interval '${DEFAULT_LOOK_BACK_SECONDS} seconds')`;
  return key.column.type.name === 'timestamptz'
    ? [moment]
    : zones.map((zone) => `(${moment} at time zone ${quoteLiteral(zone)})`);
}

const LOWEST: Readonly<Record<string, string>> = { int2: '-32768', int4: '-2147483648', int8: '-9223372036854775808' };

function numberBound({ key, from, last, highest }: BoundInput, amount: string): string {
  const numeric = (value: string): string => `${quoteLiteral(value)}::pg_catalog.numeric`;
  const lowest = LOWEST[key.column.type.name];
  const behind = `${numeric(highest)} - ${numeric(amount)}`;
  const bound = `least(${numeric(last)}, ${lowest === undefined ? behind : `greatest(floor(${behind}), ${numeric(lowest)})`})`;
  return `${from === undefined ? bound : `greatest(${numeric(from)}, ${bound})`}::text`;
}
