import { describe, expect, test } from 'vitest';
import { estimateCost, idleMonthlyCost } from '../../functions/engine/report/cost.ts';
import { PRICES } from '../../functions/engine/report/prices.ts';
import { addSpending, NO_SPENDING, parseSpending, spendingJson } from '../../functions/engine/report/spending.ts';
import type { Spending } from '../../functions/engine/report/spending.ts';
import { renderReport } from '../../functions/engine/report/render-report.ts';
import { parseReport } from '../../functions/engine/report/report-schema.ts';
import { sampleReport } from './sample-report.ts';

const SPENT: Spending = {
  invocations: 10,
  gbSeconds: 6_000,
  transitions: 50,
  readUnits: 2_000,
  writeUnits: 1_000,
  puts: 3_000,
  gets: 500,
};

describe('what a job cost', () => {
  test('is the sum of its parts at the prices of the table', () => {
    const cost = estimateCost(SPENT, { rows: 2_000_000, jsonBytes: 4e9, storedBytes: 2 ** 30, events: 100 });

    expect(cost).toEqual({
      currency: 'USD',
      total: 0.097427,
      perMillionRows: 0.048714,
      perGigabyte: 0.024357,
      parts: { lambda: 0.080002, stepFunctions: 0.00125, dynamodb: 0.000875, s3: 0.0152, eventBridge: 0.0001 },
      storagePerMonth: 0.023,
      prices: 'us-east-1 2026-11',
    });
    const parts = Object.values(cost.parts);
    expect(cost.total).toBeCloseTo(
      parts.reduce((sum, part) => sum + part, 0),
      6,
    );
  });

  test.each(Object.keys(NO_SPENDING) as readonly (keyof Spending)[])('grows with %s', (name) => {
    const loaded = { rows: 1, jsonBytes: 1, storedBytes: 1, events: 1 };
    const more = { ...SPENT, [name]: SPENT[name] * 1_000 };

    expect(estimateCost(more, loaded).total).toBeGreaterThan(estimateCost(SPENT, loaded).total);
  });

  test('has no price per row where there were no rows', () => {
    expect(estimateCost(SPENT, { rows: 0, jsonBytes: 0, storedBytes: 0, events: 0 })).toMatchObject({
      perMillionRows: null,
      perGigabyte: null,
      storagePerMonth: 0,
    });
    expect(estimateCost(NO_SPENDING, { rows: 0, jsonBytes: 0, storedBytes: 0, events: 0 }).total).toBe(0);
  });

  test('is in the printed report, and survives being read', () => {
    const cost = estimateCost(SPENT, { rows: 2_000_000, jsonBytes: 4e9, storedBytes: 2 ** 30, events: 100 });
    const report = { ...sampleReport(), cost };

    expect(renderReport(report)).toContain(
      'cost about $0.10 ($0.05 per million rows, $0.02 per GB), and $0.02 a month to keep it; prices of us-east-1 2026-11\n',
    );
    expect(renderReport({ ...report, cost: { ...cost, total: 0.000123 } })).toContain('cost about $0.00012 ');
    expect(renderReport(sampleReport())).not.toContain('cost about');
    expect(parseReport(JSON.stringify(report)).cost).toEqual(cost);
  });
});

describe('what is spent', () => {
  test('adds up, and is read as it was kept', () => {
    const twice = addSpending(SPENT, SPENT);

    expect(twice).toMatchObject({ gbSeconds: 12_000, puts: 6_000 });
    expect(parseSpending(JSON.parse(JSON.stringify(spendingJson(twice))))).toEqual(twice);
  });

  test.each([undefined, null, 'text', {}, { ...SPENT, puts: 'many' }, { ...SPENT, gets: null }])(
    'is nothing that can be read in %j',
    (value) => {
      expect(parseSpending(value)).toBeUndefined();
    },
  );
});

describe('what a stack costs while nothing runs', () => {
  const NOTHING = { scheduledStartsPerMonth: 0, alarms: 0, dashboards: 0, metrics: 0, interfaceEndpointZones: 0, kmsKeys: 0 };

  test('is nothing where nothing stands', () => {
    expect(idleMonthlyCost(NOTHING)).toEqual({ total: 0, lines: [], prices: 'us-east-1 2026-11' });
  });

  test('is the sum of what stands, line by line', () => {
    const { total, lines } = idleMonthlyCost({
      scheduledStartsPerMonth: 10_000,
      alarms: 6,
      dashboards: 1,
      metrics: 15,
      interfaceEndpointZones: 2,
      kmsKeys: 1,
    });

    expect(lines).toEqual([
      { what: 'scheduled starts', quantity: 10_000, perMonth: 0.01 },
      { what: 'alarms', quantity: 6, perMonth: 0.6 },
      { what: 'dashboards', quantity: 1, perMonth: 3 },
      { what: 'metrics', quantity: 15, perMonth: 4.5 },
      { what: 'interface endpoints by zone', quantity: 2, perMonth: 14.6 },
      { what: 'KMS keys', quantity: 1, perMonth: 1 },
    ]);
    expect(total).toBeCloseTo(23.71, 6);
  });

  test('is of a dated table', () => {
    expect(PRICES.date).toMatch(/^\d{4}-\d{2}$/);
  });
});
