import { describe, expect, test } from 'vitest';
import { loadConfigText } from '../../functions/engine/config/load.ts';
import { nextRun } from '../../functions/engine/schedule/next-run.ts';
import type { ScheduleConfig } from '../../functions/engine/config/config.ts';

/** The schedule as a configuration file has it. */
function scheduleOf(yaml: string): ScheduleConfig {
  const text = [
    'destination: { url: file:./out }',
    'state: { url: file:./state }',
    'integrations:',
    '  - name: shop',
    '    connection: { host: db, database: shop, user: backstitch }',
    '    tables: [{ table: public.orders, method: FULL_TABLE }]',
    `    schedule: ${yaml}`,
  ].join('\n');
  const schedule = loadConfigText(text, 'backstitch.yaml').config.integrations[0]?.schedule;
  if (schedule === undefined) throw new Error('no schedule');
  return schedule;
}

describe('the next run', () => {
  test.each([
    ['{ every: 6 hours, anchor: "2026-11-22T09:00:00Z" }', '2026-11-22T08:00:00Z', '2026-11-22T09:00:00.000Z'],
    ['{ every: 6 hours, anchor: "2026-11-22T09:00:00Z" }', '2026-11-22T09:00:00Z', '2026-11-22T15:00:00.000Z'],
    ['{ every: day, anchor: "2026-01-01T09:00:00Z" }', '2026-11-22T12:00:00Z', '2026-11-23T09:00:00.000Z'],
    ['{ cron: "0 0/15 * ? * MON-FRI" }', '2026-11-20T23:50:00Z', '2026-11-23T00:00:00.000Z'],
    ['{ cron: "0 30 2 ? * 1" }', '2026-11-23T00:00:00Z', '2026-11-29T02:30:00.000Z'],
    ['{ cron: "0 0 12 L * ?" }', '2026-11-22T00:00:00Z', '2026-11-30T12:00:00.000Z'],
    ['{ cron: "0 0 12 ? * 6L" }', '2026-11-22T00:00:00Z', '2026-11-27T12:00:00.000Z'],
    ['{ cron: "0 0 12 ? * WED#2" }', '2026-11-22T00:00:00Z', '2026-12-09T12:00:00.000Z'],
    ['{ cron: "0 0 9 ? * *", timezone: Europe/Berlin }', '2026-11-22T07:59:00Z', '2026-11-22T08:00:00.000Z'],
    ['{ cron: "0 0 9 ? * *", timezone: Europe/Berlin }', '2026-07-01T08:00:00Z', '2026-07-02T07:00:00.000Z'],
  ])('of %s after %s is %s', (yaml, now, next) => {
    expect(nextRun(scheduleOf(yaml), new Date(now))?.toISOString()).toBe(next);
  });

  test.each([
    ['one frequency after the last start', '2026-11-22T08:00:00Z', '2026-11-22T08:30:00.000Z'],
    ['now, where that has passed', '2026-11-22T07:00:00Z', '2026-11-22T08:10:00.000Z'],
  ])('without an anchor is %s', (_, last, next) => {
    expect(nextRun(scheduleOf('{ every: 30 minutes }'), new Date('2026-11-22T08:10:00Z'), new Date(last))?.toISOString()).toBe(
      next,
    );
  });
});
