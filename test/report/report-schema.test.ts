import { readFile } from 'node:fs/promises';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import type { LoadingReport } from '../../functions/engine/model/report.ts';
import type { loadingReportSchema } from '../../functions/engine/report/report-schema.ts';
import { parseReport, reportJsonSchema } from '../../functions/engine/report/report-schema.ts';
import { sampleReport, sampleTable } from './sample-report.ts';

type DeepReadonly<T> = T extends readonly (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

const published = new URL('../../schema/report.schema.json', import.meta.url);
const error = { code: 'unexpected', message: 'm', remedy: 'r' } as const;
const full = sampleReport({
  error,
  tables: [
    sampleTable(),
    sampleTable({ error, state: 'failed', activeVersion: null, nullKeys: null, startedAt: null, endedAt: null, objects: [] }),
  ],
  slots: [{ database: 'shop', slot: 's', plugin: 'pgoutput', confirmed: '0/1', retainedBytes: 1 }],
  skipped: [{ stream: 'x', reason: 'not-selected' }],
  warnings: ['w'],
  usage: { last24Hours: 1, thisMonth: 2, lastMonth: 3, streams: [{ stream: 'x', last24Hours: 1, thisMonth: 2, lastMonth: 3 }] },
});

describe('the schema of loading reports', () => {
  it('has the type of the interface', () => {
    expectTypeOf<DeepReadonly<z.output<typeof loadingReportSchema>>>().toEqualTypeOf<DeepReadonly<LoadingReport>>();
  });

  it('is published as it is', async () => {
    const text = await readFile(published, 'utf8');

    expect(JSON.parse(text), 'write reportJsonSchema() to schema/report.schema.json, and format it').toEqual(reportJsonSchema());
  });

  it('takes a report, by its published form too, and gives it back unchanged', async () => {
    const schema = z.fromJSONSchema(JSON.parse(await readFile(published, 'utf8')) as Parameters<typeof z.fromJSONSchema>[0]);

    expect(parseReport(JSON.stringify(full))).toEqual(full);
    expect(schema.safeParse(full).error).toBeUndefined();
  });

  it('takes reports of newer releases: unknown fields, unknown error codes', async () => {
    const newer = { ...full, error: { ...error, code: 'something-new' }, added: 1 };
    const schema = z.fromJSONSchema(JSON.parse(await readFile(published, 'utf8')) as Parameters<typeof z.fromJSONSchema>[0]);

    expect(parseReport(JSON.stringify(newer)).error?.code).toBe('something-new');
    expect(schema.safeParse(newer).success).toBe(true);
  });

  const [table = sampleTable()] = full.tables;
  const [object] = table.objects;
  it.each([
    ['another version', { ...full, version: 2 }],
    ['an unknown state', { ...full, state: 'done' }],
    ['a missing field', { ...full, integration: undefined }],
    ['rows that are no count', { ...full, tables: [{ ...table, rows: -1 }] }],
    ['a sequence that is a number', { ...full, tables: [{ ...table, objects: [{ ...object, lastSequence: 5 }] }] }],
    ['a checksum that is none', { ...full, tables: [{ ...table, objects: [{ ...object, sha256: 'xyz' }] }] }],
  ])('refuses %s, by its published form too', async (_, report) => {
    const schema = z.fromJSONSchema(JSON.parse(await readFile(published, 'utf8')) as Parameters<typeof z.fromJSONSchema>[0]);

    expect(() => parseReport(JSON.stringify(report))).toThrow(z.ZodError);
    expect(schema.safeParse(JSON.parse(JSON.stringify(report))).success).toBe(false);
  });
});
