import type { CronFields, ScheduleConfig } from '../functions/engine/config/config.ts';
import { dividesDay, withAnchor } from '../functions/engine/schedule/fire-times.ts';
import { nextRun } from '../functions/engine/schedule/next-run.ts';

/** What one schedule of EventBridge Scheduler is made of. */
export interface ScheduleTiming {
  /** `cron(...)` or `rate(...)`. */
  readonly expression: string;
  /** IANA name. */
  readonly timezone: string;
  /** It fires first then, or later. */
  readonly start?: Date;
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const HOUR_MINUTES = 60;
const DAY_MINUTES = 24 * HOUR_MINUTES;
const WEEK_MINUTES = 7 * DAY_MINUTES;
const WEEK_DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
/**
 * Of a start from the time of synthesis: EventBridge refuses one that lies more than five minutes back when the stack is deployed.
 * https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
 */
const DEPLOYMENT_MS = HOUR_MS;

/**
 * The schedules that fire when `schedule` does. Cron passes through. A frequency that divides a day (or is a week) becomes cron on its anchor's grid, so that the template says
 * the same at every synthesis; where the minutes differ from hour to hour (`every: 90 minutes`) that takes several expressions. Any other one becomes a rate that
 * begins at a time of its anchor's grid, at least an hour and at most two (and a frequency) after `now`: deploying again moves it along the grid.
 */
export function scheduleTimings(schedule: ScheduleConfig, now: Date): readonly ScheduleTiming[] {
  if (schedule.kind === 'cron') return [{ expression: cron(schedule.fields), timezone: schedule.timezone }];
  const { minutes, anchor } = schedule;
  const isGrid = dividesDay(minutes) || minutes === WEEK_MINUTES;
  if (!isGrid && anchor === undefined) return [{ expression: rate(minutes), timezone: 'UTC' }];
  if (!isGrid) return [{ expression: rate(minutes), timezone: 'UTC', start: startOf(schedule, now) }];
  const grid = withAnchor(schedule, now);
  const anchorMs = grid.kind === 'every' && grid.anchor !== undefined ? Date.parse(grid.anchor) : 0;
  // Jobs begin with the anchor, not before it.
  const begin = anchorMs > now.getTime() ? { start: new Date(anchorMs) } : {};
  const expressions = minutes === WEEK_MINUTES ? [weekly(anchorMs)] : daily(minutes, anchorMs);
  return expressions.map((expression) => ({ expression, timezone: 'UTC', ...begin }));
}

function startOf(schedule: ScheduleConfig, now: Date): Date {
  const hour = Math.ceil(now.getTime() / HOUR_MS) * HOUR_MS;
  const next = nextRun(schedule, new Date(hour + DEPLOYMENT_MS - 1));
  if (next === undefined) throw new RangeError('a frequency always has a next time');
  return next;
}

/** One expression for each set of hours that have starts at the same minutes. */
function daily(minutes: number, anchorMs: number): readonly string[] {
  const first = minuteOf(anchorMs, DAY_MINUTES) % minutes;
  if (minutes <= HOUR_MINUTES && HOUR_MINUTES % minutes === 0) {
    return [cron({ minute: minutes === HOUR_MINUTES ? String(first) : `${first}/${minutes}`, hour: '*' })];
  }
  const hours = new Map<number, number[]>();
  for (let at = first; at < DAY_MINUTES; at += minutes) {
    const minute = at % HOUR_MINUTES;
    hours.set(minute, [...(hours.get(minute) ?? []), Math.floor(at / HOUR_MINUTES)]);
  }
  const minutesAt = new Map<string, number[]>();
  for (const [minute, at] of [...hours].sort(([a], [b]) => a - b)) {
    const hour = at.join(',');
    minutesAt.set(hour, [...(minutesAt.get(hour) ?? []), minute]);
  }
  return [...minutesAt].map(([hour, at]) => cron({ minute: at.join(','), hour }));
}

function weekly(anchorMs: number): string {
  const at = new Date(anchorMs);
  const fields = { minute: String(at.getUTCMinutes()), hour: String(at.getUTCHours()) };
  return cron({ ...fields, dayOfMonth: '?', dayOfWeek: WEEK_DAYS[at.getUTCDay()] ?? 'SUN' });
}

function minuteOf(timeMs: number, cycle: number): number {
  const minute = Math.floor(timeMs / MINUTE_MS) % cycle;
  return minute < 0 ? minute + cycle : minute;
}

function cron(fields: Partial<CronFields> & Pick<CronFields, 'minute' | 'hour'>): string {
  const { minute, hour, dayOfMonth = '*', month = '*', dayOfWeek = '?', year = '*' } = fields;
  return `cron(${minute} ${hour} ${dayOfMonth} ${month} ${dayOfWeek} ${year})`;
}

function rate(minutes: number): string {
  return `rate(${minutes} ${minutes === 1 ? 'minute' : 'minutes'})`;
}
