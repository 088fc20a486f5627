import type { CronFields } from './config.ts';

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

interface FieldRule {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  /** Names of the values from `min` on. */
  readonly names: readonly string[];
  /** Forms that stand alone: `?`, `L`, `15W`, `6L`, `WED#2`. */
  readonly special: RegExp | undefined;
}

const DAY = `(?:[1-7]|${DAYS.join('|')})`;
const RULES: Readonly<Record<keyof CronFields, FieldRule>> = {
  minute: { label: 'minutes', min: 0, max: 59, names: [], special: undefined },
  hour: { label: 'hours', min: 0, max: 23, names: [], special: undefined },
  dayOfMonth: {
    label: 'day of month',
    min: 1,
    max: 31,
    names: [],
    special: /^(\?|L|LW|L-([1-9]|[12]\d|30)|([1-9]|[12]\d|3[01])W)$/,
  },
  month: { label: 'month', min: 1, max: 12, names: MONTHS, special: undefined },
  dayOfWeek: { label: 'day of week', min: 1, max: 7, names: DAYS, special: new RegExp(`^(\\?|L|${DAY}L|${DAY}#[1-5])$`) },
  year: { label: 'year', min: 1970, max: 2199, names: [], special: undefined },
};

/**
 * Reads the forms of a schedule that Stitch and EventBridge take: Quartz (`0 0/15 * ? * MON-FRI`, seconds first and always 0, year optional
 * at the end) and EventBridge (`0/15 * ? * MON-FRI *`, year last, with or without `cron(...)`). The place of the one `?` tells them apart.
 * Checks syntax and ranges only. Days of the week are 1-7 = SUN-SAT.
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
 * @returns the fields, or what is wrong.
 */
export function parseCron(text: string): CronFields | { readonly problem: string } {
  const inner = /^cron\((.*)\)$/i.exec(text.trim())?.[1] ?? text.trim();
  const parts = inner.toUpperCase().split(/\s+/);
  if (parts.length < 6 || parts.length > 7) {
    return {
      problem: `6 or 7 fields, this has ${parts.length}: seconds minutes hours day-of-month month day-of-week [year], or EventBridge's form`,
    };
  }
  const quartz = parts.length === 7 || !(parts[2] === '?' || parts[4] === '?');
  if (quartz && parts[0] !== '0') return { problem: 'the first of 6 or 7 fields is seconds and must be 0' };
  const [minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = '', year = '*'] = quartz ? parts.slice(1) : parts;
  const fields: CronFields = { minute, hour, dayOfMonth, month, dayOfWeek, year };
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) {
    return { problem: '"?" in exactly one of day-of-month and day-of-week: a schedule on both is not possible' };
  }
  for (const name of ['minute', 'hour', 'dayOfMonth', 'month', 'dayOfWeek', 'year'] as const) {
    const rule = RULES[name];
    if (rule.special?.test(fields[name]) === true) continue;
    if (!fields[name].split(',').every((item) => isItem(item, rule))) {
      return {
        problem: `${rule.label} from ${rule.min} to ${rule.max}${rule.names.length > 0 ? ` or ${rule.names[0] ?? ''}-${rule.names.at(-1) ?? ''}` : ''} with , - * /`,
      };
    }
  }
  return fields;
}

/** `*`, `5`, `5-10`, `*` or a start or a range with `/step`. Ranges ascend, since EventBridge documents no others. */
function isItem(item: string, rule: FieldRule): boolean {
  const match = /^(\*|[A-Z0-9]+)(?:-([A-Z0-9]+))?(?:\/(\d{1,4}))?$/.exec(item);
  if (match === null) return false;
  const [, first = '', last, step] = match;
  if (step !== undefined && (Number(step) < 1 || Number(step) > rule.max)) return false;
  if (first === '*') return last === undefined;
  const from = valueOf(first, rule);
  const to = last === undefined ? from : valueOf(last, rule);
  return from !== undefined && to !== undefined && from <= to;
}

function valueOf(word: string, rule: FieldRule): number | undefined {
  const value = rule.names.includes(word) ? rule.min + rule.names.indexOf(word) : /^\d{1,4}$/.test(word) ? Number(word) : NaN;
  return value >= rule.min && value <= rule.max ? value : undefined;
}
