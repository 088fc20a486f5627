import { describe, expect, test } from 'vitest';
import type { ScheduleConfig } from '../../functions/engine/config/config.ts';
import { parseCron } from '../../functions/engine/config/cron.ts';
import { dividesDay, fireTimes, withAnchor } from '../../functions/engine/schedule/fire-times.ts';

const NOW = '2026-11-22T12:07:30.000Z';

function every(minutes: number, anchor?: string): ScheduleConfig {
  return { kind: 'every', minutes, ...(anchor === undefined ? {} : { anchor }) };
}

function cron(expression: string, timezone = 'UTC'): ScheduleConfig {
  const fields = parseCron(expression);
  if ('problem' in fields) throw new Error(fields.problem);
  return { kind: 'cron', expression, fields, timezone };
}

describe('the times at which a schedule fires', () => {
  test.each<readonly [what: string, schedule: ScheduleConfig, now: string, times: readonly string[]]>([
    ['a frequency that divides a day, on the grid of the day in UTC', every(30), NOW, ['22T12:30', '22T13:00', '22T13:30']],
    ['six hours, over midnight', every(360), NOW, ['22T18:00', '23T00:00', '23T06:00']],
    ['a day', every(1440), NOW, ['23T00:00', '24T00:00', '25T00:00']],
    ['an anchor in the past', every(360, '2020-01-01T02:00:00.000Z'), NOW, ['22T14:00', '22T20:00', '23T02:00']],
    ['an anchor that is still to come', every(360, '2026-11-24T02:00:00.000Z'), NOW, ['24T02:00', '24T08:00', '24T14:00']],
    ['a time of the grid itself is past', every(30), '2026-11-22T12:30:00.000Z', ['22T13:00', '22T13:30', '22T14:00']],
    ['cron by the clock of its zone', cron('0 0 9 ? * *', 'Europe/Berlin'), NOW, ['23T08:00', '24T08:00', '25T08:00']],
    ['cron over a weekend', cron('0 0 9 ? * MON-FRI'), '2026-11-27T10:00:00.000Z', ['30T09:00', '01T09:00', '02T09:00']],
  ])('%s', (_, schedule, now, times) => {
    const fired = fireTimes(schedule, new Date(now), times.length);

    expect(fired.map((time) => time.toISOString().slice(8, 16))).toEqual(times);
  });

  test('of a frequency that divides no day begin with the deployment', () => {
    const fired = fireTimes(every(90 + 7), new Date(NOW), 3);

    expect(fired.map((time) => (time.getTime() - Date.parse(NOW)) / 60_000)).toEqual([97, 194, 291]);
  });

  test('of a clock that is put forward keep the hour of the day', () => {
    const fired = fireTimes(cron('0 0 6 ? * *', 'Europe/Berlin'), new Date('2026-03-27T12:00:00.000Z'), 3);

    expect(fired.map((time) => time.toISOString())).toEqual([
      '2026-03-28T05:00:00.000Z',
      '2026-03-29T04:00:00.000Z',
      '2026-03-30T04:00:00.000Z',
    ]);
  });

  test('end where the schedule ends', () => {
    expect(fireTimes(cron('0 0 9 24 12 ? 2026'), new Date(NOW), 5).map((time) => time.toISOString())).toEqual([
      '2026-12-24T09:00:00.000Z',
    ]);
    expect(fireTimes(cron('0 0 9 24 12 ? 2025'), new Date(NOW), 5)).toEqual([]);
  });

  test.each([0, 1, 5])('are as many as were asked for: %i', (count) => {
    const fired = fireTimes(every(60), new Date(NOW), count);

    expect(fired.length).toBe(count);
    expect(fired.every((time, index) => time.getTime() > (fired[index - 1]?.getTime() ?? Date.parse(NOW)))).toBe(true);
  });
});

test.each([
  [1, true],
  [15, true],
  [30, true],
  [60, true],
  [90, true],
  [97, false],
  [420, false],
  [720, true],
  [1_440, true],
  [2_880, false],
])('whether %i minutes divide a day: %s', (minutes, divides) => {
  expect(dividesDay(minutes)).toBe(divides);
});

test.each<readonly [ScheduleConfig, anchor: string | undefined]>([
  [every(30), '1970-01-01T00:00:00.000Z'],
  [every(97), NOW],
  [every(97, '2020-01-01T00:00:00.000Z'), '2020-01-01T00:00:00.000Z'],
  [cron('0 0 9 ? * *'), undefined],
])('the grid of %j', (schedule, anchor) => {
  const { anchor: told, ...rest } = withAnchor(schedule, new Date(NOW)) as { readonly anchor?: string };

  expect(told).toBe(anchor);
  expect(rest).toEqual(Object.fromEntries(Object.entries(schedule).filter(([name]) => name !== 'anchor')));
});
