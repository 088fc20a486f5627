import { expression, literal } from './corpus-row.ts';
import type { CorpusRow } from './postgres-types.ts';

const TIMESTAMP = 'timestamp without time zone';
const TIMESTAMPTZ = 'timestamp with time zone';
const LAST = '"9999-12-31T23:59:59.999999+00:00"';
const FIRST = '"0001-01-01T00:00:00+00:00"';
const LAST_DAY = '"9999-12-31T00:00:00+00:00"';

/** Dates, times and intervals, as far as PostgreSQL's calendar reaches. */
export const DATE_AND_TIME_ROWS: readonly CorpusRow[] = [
  literal(TIMESTAMP, '2020-02-03 04:05:06.789', '"2020-02-03T04:05:06.789Z"', { stitch: '"2020-02-03T04:05:06.789000+00:00"' }),
  literal(TIMESTAMP, '2020-02-03 04:05:06', '"2020-02-03T04:05:06Z"', { stitch: '"2020-02-03T04:05:06+00:00"' }),
  literal(TIMESTAMP, '2020-02-29 23:59:59.999999', '"2020-02-29T23:59:59.999999Z"', {
    stitch: '"2020-02-29T23:59:59.999999+00:00"',
  }),
  literal(TIMESTAMP, '0001-01-01', '"0001-01-01T00:00:00Z"', { stitch: FIRST }),
  literal(TIMESTAMP, '9999-12-31 23:59:59.999999', '"9999-12-31T23:59:59.999999Z"', { stitch: LAST }),
  literal(TIMESTAMP, 'infinity', '"infinity"', { stitch: LAST }),
  literal(TIMESTAMP, '-infinity', '"-infinity"', { stitch: FIRST }),
  literal(TIMESTAMP, '10000-01-01 00:00:00.5', '"+10000-01-01T00:00:00.5Z"', { stitch: '"9999-01-01T00:00:00.500000+00:00"' }),
  literal(TIMESTAMP, '12000-02-29', '"+12000-02-29T00:00:00Z"', { stitch: '"9999-02-28T00:00:00+00:00"' }),
  literal(TIMESTAMP, '294276-12-31 23:59:59.999999', '"+294276-12-31T23:59:59.999999Z"', { stitch: LAST }),
  literal(TIMESTAMP, '0044-03-15 01:02:03.4 BC', '"-0043-03-15T01:02:03.4Z"', { stitch: FIRST }),
  literal(TIMESTAMP, '0001-12-31 BC', '"0000-12-31T00:00:00Z"', { stitch: FIRST }),
  literal(TIMESTAMP, '4713-01-01 BC', '"-4712-01-01T00:00:00Z"', { stitch: FIRST }),
  expression(TIMESTAMP, 'null', 'null'),
  literal('timestamp(3) without time zone', '2020-02-03 04:05:06.7891', '"2020-02-03T04:05:06.789Z"', {
    stitch: '"2020-02-03T04:05:06.789000+00:00"',
  }),
  literal(TIMESTAMPTZ, '2020-02-03 04:05:06.789-05', '"2020-02-03T09:05:06.789Z"', {
    stitch: '"2020-02-03T09:05:06.789000+00:00"',
  }),
  literal(TIMESTAMPTZ, '2020-02-03 04:05:06+00', '"2020-02-03T04:05:06Z"', { stitch: '"2020-02-03T04:05:06+00:00"' }),
  literal(TIMESTAMPTZ, '2020-06-30 23:59:60+00', '"2020-07-01T00:00:00Z"', { stitch: '"2020-07-01T00:00:00+00:00"' }),
  literal(TIMESTAMPTZ, 'infinity', '"infinity"', { stitch: LAST }),
  literal(TIMESTAMPTZ, '-infinity', '"-infinity"', { stitch: FIRST }),
  literal(TIMESTAMPTZ, '294276-12-31 23:59:59.999999+00', '"+294276-12-31T23:59:59.999999Z"', { stitch: LAST }),
  literal(TIMESTAMPTZ, '0044-03-15 00:00:00+00 BC', '"-0043-03-15T00:00:00Z"', { stitch: FIRST }),
  literal(TIMESTAMPTZ, '0100-01-01 00:00:00.000001+00 BC', '"-0099-01-01T00:00:00.000001Z"', { stitch: FIRST }),
  expression(TIMESTAMPTZ, 'null', 'null'),
  literal('moment', '2020-02-03 04:05:06+00', '"2020-02-03T04:05:06Z"'),

  literal('date', '2020-02-03', '"2020-02-03"', { stitch: '"2020-02-03T00:00:00+00:00"' }),
  literal('date', '0001-01-01', '"0001-01-01"', { stitch: FIRST }),
  literal('date', '9999-12-31', '"9999-12-31"', { stitch: LAST_DAY }),
  literal('date', '10000-01-01', '"+10000-01-01"', { stitch: '"9999-01-01T00:00:00+00:00"' }),
  literal('date', '5874897-12-31', '"+5874897-12-31"', { stitch: LAST_DAY }),
  literal('date', '0044-03-15 BC', '"-0043-03-15"', { stitch: FIRST }),
  literal('date', '0001-01-01 BC', '"0000-01-01"', { stitch: FIRST }),
  literal('date', '4714-11-24 BC', '"-4713-11-24"', { stitch: FIRST }),
  literal('date', 'infinity', '"infinity"', { stitch: LAST_DAY }),
  literal('date', '-infinity', '"-infinity"', { stitch: FIRST }),
  expression('date', 'null', 'null'),
  literal('day', '2020-02-03', '"2020-02-03"'),

  literal('time without time zone', '04:05:06.789', '"04:05:06.789"', { stitch: '"04:05:06.789000"' }),
  literal('time without time zone', '00:00:00', '"00:00:00"'),
  literal('time without time zone', '24:00:00', '"24:00:00"', { stitch: '"00:00:00"' }),
  literal('time without time zone', '23:59:59.999999', '"23:59:59.999999"'),
  expression('time without time zone', 'null', 'null'),
  literal('time with time zone', '04:05:06.789-08', '"04:05:06.789-08:00"', { stitch: '"04:05:06.789000-08:00"' }),
  literal('time with time zone', '04:05:06+02', '"04:05:06+02:00"'),
  literal('time with time zone', '04:05:06+05:30', '"04:05:06+05:30"'),
  literal('time with time zone', '04:05:06-00:30:15', '"04:05:06-00:30:15"'),
  literal('time with time zone', '24:00:00+00', '"24:00:00+00:00"', { stitch: '"00:00:00+00:00"' }),
  literal('interval', '1 year 2 mons 3 days 04:05:06.789', '"P1Y2M3DT4H5M6.789S"'),
  literal('interval', '-1 year -2 mons +3 days -04:05:06', '"P-1Y-2M3DT-4H-5M-6S"'),
  literal('interval', '0', '"PT0S"'),
  literal('interval', '178000000 years', '"P178000000Y"'),
  literal('interval', 'infinity', '"infinity"', { since: 17 }),
  expression('interval', 'null', 'null'),
];
