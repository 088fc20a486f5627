import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { metrics } from '../../../functions/contract.ts';
import { idleNumbers } from '../../../lib/idle-parts.ts';
import type { IdleNumbers } from '../../../lib/idle-parts.ts';
import { configuration, EXAMPLE } from './configurations.ts';
import { synthesize } from './synth.ts';

const folder = mkdtempSync(join(tmpdir(), 'backstitch-idle-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const NOW = new Date('2026-11-22T12:00:00.000Z');
/** Starts of the watchdog, every five minutes in a month of 365.25 / 12 days. */
const WATCH = (365.25 / 12) * 24 * 12;
const ALL = Object.keys(metrics).length;
/** Metrics that come from slots. */
const LOG_ONLY = 5;
const WITHOUT_LOG = configuration().replace('selectAll: true', 'tables: [{ table: a.b, method: FULL_TABLE }]');
let stacks = 0;

async function numbersOf(yaml: string): Promise<{ readonly numbers: IdleNumbers; readonly count: (type: string) => number }> {
  stacks += 1;
  const { stack, template } = await synthesize(yaml, { outdir: join(folder, String(stacks)), code: 'stub', now: NOW });
  return { numbers: idleNumbers(stack, NOW), count: (type) => Object.keys(template.findResources(type)).length };
}

describe('what stands and waits', () => {
  test.each<readonly [what: string, schedule: string, startsPerMonth: number]>([
    ['no schedule', '', 0],
    ['a frequency', 'schedule: { every: 30 minutes }', 1_461],
    ['a frequency that divides no day', 'schedule: { every: 97 minutes }', 452],
    ['a time of the day', 'schedule: { cron: "0 0 9 ? * *" }', 30],
    ['a time of the week', 'schedule: { cron: "0 0 9 ? * MON" }', 4],
    ['every minute', 'schedule: { cron: "0 * * ? * *" }', 43_830],
    ['one day that is past', 'schedule: { cron: "0 0 9 24 12 ? 2025" }', 0],
  ])('counts the starts of %s beside those of the watchdog', async (_, more, starts) => {
    const { numbers } = await numbersOf(configuration({ more }));

    expect(Math.abs(numbers.scheduledStartsPerMonth - WATCH - starts)).toBeLessThan(1);
  });

  test.each<readonly [what: string, yaml: string, zones: number, metrics: readonly number[]]>([
    // One of its two integrations reads the log.
    ['the example', EXAMPLE, 2, [ALL, ALL - LOG_ONLY]],
    ['a stack with an endpoint in two zones', configuration({ aws: '{ secretsEndpoint: true }' }), 2, [ALL]],
    ['an integration without the log', WITHOUT_LOG, 0, [ALL - LOG_ONLY]],
  ])('is what the template of %s has', async (_, yaml, zones, metricsOfEach) => {
    const { numbers, count } = await numbersOf(yaml);

    expect(numbers).toMatchObject({
      // The alarm of failed jobs has three metrics.
      alarms: count('AWS::CloudWatch::Alarm') + 2 * metricsOfEach.length,
      dashboards: metricsOfEach.length,
      metrics: metricsOfEach.reduce((sum, one) => sum + one, 0),
      interfaceEndpointZones: zones,
      kmsKeys: count('AWS::KMS::Key'),
    });
    expect(count('AWS::CloudWatch::Dashboard')).toBe(metricsOfEach.length);
    expect(count('AWS::SecretsManager::Secret')).toBe(0);
  });

  test('adds up over integrations', async () => {
    const one = WITHOUT_LOG.replace('    tables:', '    schedule: { every: 60 minutes }\n    tables:');
    const lines = one.split('\n');
    const [from, to] = [
      lines.findIndex((line) => line.startsWith('  - name')),
      lines.findIndex((line) => line.startsWith('aws:')),
    ];
    const second = lines.slice(from, to).map((line) => line.replace('name: shop', 'name: billing'));
    const both = [...lines.slice(0, to), ...second, ...lines.slice(to)].join('\n');

    const { numbers } = await numbersOf(one);
    const { numbers: twice } = await numbersOf(both);

    const { scheduledStartsPerMonth: starts, ...rest } = numbers;
    const { scheduledStartsPerMonth: startsOfBoth, ...restOfBoth } = twice;
    expect(restOfBoth).toEqual(Object.fromEntries(Object.entries(rest).map(([name, number]) => [name, number * 2])));
    // Rounded once each.
    expect(Math.abs(startsOfBoth - 2 * starts)).toBeLessThanOrEqual(1);
  });
});
