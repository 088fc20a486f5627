import type { ScheduleConfig } from '../config/config.ts';
import { nextRun } from './next-run.ts';

const DAY_MINUTES = 24 * 60;
/** Where the grid of a frequency without an anchor begins: so that it depends on nothing but the frequency. */
const EPOCH = '1970-01-01T00:00:00.000Z';

/** The next times at which a schedule fires in AWS, strictly after `now`; fewer if it ends. */
export function fireTimes(schedule: ScheduleConfig, now: Date, count: number): readonly Date[] {
  const anchored = withAnchor(schedule, now);
  const times: Date[] = [];
  for (let after = now; times.length < count;) {
    const next = nextRun(anchored, after);
    if (next === undefined) break;
    times.push(next);
    after = next;
  }
  return times;
}

/** Whether the times of a frequency are the same on every day. */
export function dividesDay(minutes: number): boolean {
  return DAY_MINUTES % minutes === 0;
}

/** A schedule with its grid told: a frequency that divides a day lies on the day in UTC; any other one begins with its deployment, here now. */
export function withAnchor(schedule: ScheduleConfig, now: Date): ScheduleConfig {
  if (schedule.kind === 'cron' || schedule.anchor !== undefined) return schedule;
  return { ...schedule, anchor: dividesDay(schedule.minutes) ? EPOCH : now.toISOString() };
}
