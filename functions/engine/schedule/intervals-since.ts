import type { ScheduleConfig } from '../config/config.ts';
import { nextRun } from './next-run.ts';

/** Fires beyond these are not counted: enough for every alarm. */
const MOST_FIRES = 100;

/** How many intervals of a schedule have passed since a time: a fraction for a frequency; for cron, whose intervals differ, how often it has fired. */
export function intervalsSince(schedule: ScheduleConfig, since: Date, now: Date): number {
  if (schedule.kind === 'every') return Math.max(0, now.getTime() - since.getTime()) / (schedule.minutes * 60_000);
  let fires = 0;
  for (let at = nextRun(schedule, since); at !== undefined && at <= now && fires < MOST_FIRES; at = nextRun(schedule, at))
    fires += 1;
  return fires;
}
