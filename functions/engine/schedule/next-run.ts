import { Cron } from 'croner';
import type { CronFields, ScheduleConfig } from '../config/config.ts';

/**
 * When a schedule fires next, strictly after `now`; undefined if it never does. With an anchor: on its grid. Without: one frequency after the last start, or now if that
 * has passed or there was none. Cron times are in the schedule's zone; an hour that the clock leaves out is not run, one that comes twice is run once.
 */
export function nextRun(schedule: ScheduleConfig, now: Date, lastStart?: Date): Date | undefined {
  if (schedule.kind === 'cron') {
    return new Cron(cronerPattern(schedule.fields), { timezone: schedule.timezone, legacyMode: false }).nextRun(now) ?? undefined;
  }
  const everyMs = schedule.minutes * 60_000;
  if (schedule.anchor === undefined) return new Date(Math.max(now.getTime(), (lastStart?.getTime() ?? 0) + everyMs));
  const anchorMs = Date.parse(schedule.anchor);
  const steps = Math.floor((now.getTime() - anchorMs) / everyMs) + 1;
  return new Date(anchorMs + Math.max(0, steps) * everyMs);
}

/** EventBridge and Quartz count Sunday as 1, croner as 0; `?` says what `*` says there, since the other day field decides. */
function cronerPattern({ minute, hour, dayOfMonth, month, dayOfWeek, year }: CronFields): string {
  const days = dayOfMonth === '?' ? '*' : dayOfMonth;
  const fields = [stepped(minute, 59), stepped(hour, 23), stepped(days, 31), stepped(month, 12), stepped(weekDays(dayOfWeek), 6)];
  return `0 ${fields.join(' ')} ${year === '' ? '*' : stepped(year, 2199)}`;
}

/** `5/15` begins at 5 and goes on to the end of the range. */
function stepped(field: string, last: number): string {
  return field.replaceAll(/(^|,)([A-Z0-9]+)\//g, `$1$2-${String(last)}/`);
}

function weekDays(field: string): string {
  if (field === '?' || field === '*') return '*';
  // Alone, L is the last day of the week; after a day, the last such day of the month.
  if (field === 'L') return '6';
  return field
    .split(',')
    .map((part) => {
      const [range = '', step] = part.split('/');
      const [days = '', nth] = range.split('#');
      const shifted = days.replaceAll(/\d/g, (day) => String(Number(day) - 1)).replace(/^(.+)L$/, '$1#L');
      return `${shifted}${nth === undefined ? '' : `#${nth}`}${step === undefined ? '' : `/${step}`}`;
    })
    .join(',');
}
