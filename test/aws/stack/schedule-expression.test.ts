import { describe, expect, test } from 'vitest';
import { parseCron } from '../../../functions/engine/config/cron.ts';
import type { ScheduleConfig } from '../../../functions/engine/config/config.ts';
import { fireTimes } from '../../../functions/engine/schedule/fire-times.ts';
import { nextRun } from '../../../functions/engine/schedule/next-run.ts';
import { scheduleTimings } from '../../../lib/schedule-expression.ts';

const NOW = new Date('2026-11-22T12:03:00Z');
const every = (minutes: number, anchor?: string): ScheduleConfig => ({
  kind: 'every',
  minutes,
  ...(anchor === undefined ? {} : { anchor }),
});
const expressionsOf = (schedule: ScheduleConfig, now = NOW): readonly string[] =>
  scheduleTimings(schedule, now).map(({ expression }) => expression);

describe('expressions of EventBridge Scheduler', () => {
  test.each<readonly [string, ScheduleConfig, readonly string[]]>([
    ['a minute', every(1), ['cron(0/1 * * * ? *)']],
    ['30 minutes', every(30), ['cron(0/30 * * * ? *)']],
    ['an hour', every(60), ['cron(0 * * * ? *)']],
    ['an hour with an anchor', every(60, '2026-01-01T02:17:00Z'), ['cron(17 * * * ? *)']],
    ['6 hours with an anchor', every(360, '2026-01-01T02:05:00Z'), ['cron(5 2,8,14,20 * * ? *)']],
    ['a day with an anchor', every(1440, '2026-01-01T22:40:00Z'), ['cron(40 22 * * ? *)']],
    ['a week with an anchor', every(10_080, '2026-01-01T22:40:00Z'), ['cron(40 22 ? * THU *)']],
    ['90 minutes', every(90), ['cron(0 0,3,6,9,12,15,18,21 * * ? *)', 'cron(30 1,4,7,10,13,16,19,22 * * ? *)']],
    ['7 minutes', every(7), ['rate(7 minutes)']],
    ['5 hours', every(300), ['rate(300 minutes)']],
  ])('every %s', (_, schedule, expressions) => {
    expect(expressionsOf(schedule)).toEqual(expressions);
  });

  test.each([
    ['0 0/15 * ? * MON-FRI', 'cron(0/15 * ? * MON-FRI *)'],
    ['0 30 6 L * ? 2027', 'cron(30 6 L * ? 2027)'],
    ['cron(5 4 ? * 2#1 *)', 'cron(5 4 ? * 2#1 *)'],
  ])('takes %s in its time zone', (expression, expected) => {
    const fields = parseCron(expression);
    if ('problem' in fields) throw new Error(fields.problem);
    const schedule: ScheduleConfig = { kind: 'cron', expression, fields, timezone: 'Europe/Berlin' };

    expect(scheduleTimings(schedule, NOW)).toEqual([{ expression: expected, timezone: 'Europe/Berlin' }]);
  });

  const DIVISORS = Array.from({ length: 1440 }, (_, index) => index + 1).filter((minutes) => 1440 % minutes === 0);

  test.each([...DIVISORS, 10_080])('fire when jobs are due every %i minutes, whatever the time of synthesis', (minutes) => {
    const schedule = every(minutes, '2026-01-01T01:47:00.000Z');
    const timings = scheduleTimings(schedule, NOW);
    const fired = timings
      .flatMap(({ expression, timezone }) => {
        const fields = parseCron(expression);
        if ('problem' in fields) throw new Error(fields.problem);
        return fireTimes({ kind: 'cron', expression, fields, timezone }, NOW, 20);
      })
      .sort((a, b) => a.getTime() - b.getTime());

    expect(fired.slice(0, 20)).toEqual(fireTimes(schedule, NOW, 20));
    expect(scheduleTimings(schedule, new Date('2027-03-01T07:11:13Z'))).toEqual(timings);
    expect(timings.length).toBeLessThanOrEqual(15);
  });

  test.each([61, 300, 420, 2880, 20_160])(
    'begin a rate of %i minutes on the grid of its anchor, after the deployment',
    (minutes) => {
      const schedule = every(minutes, '2026-01-01T01:47:00.000Z');
      const [timing] = scheduleTimings(schedule, NOW);
      const start = timing?.start ?? new Date(0);

      expect(timing?.expression).toBe(`rate(${minutes} minutes)`);
      expect(start.getTime() - NOW.getTime()).toBeGreaterThanOrEqual(3_600_000);
      expect(nextRun(schedule, new Date(start.getTime() - 1))).toEqual(start);
    },
  );

  test('begin with an anchor that is still to come', () => {
    expect(scheduleTimings(every(60, '2027-01-01T00:30:00.000Z'), NOW)).toEqual([
      { expression: 'cron(30 * * * ? *)', timezone: 'UTC', start: new Date('2027-01-01T00:30:00.000Z') },
    ]);
  });
});
