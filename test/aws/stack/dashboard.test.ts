import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { logTables } from '../../../functions/engine/jobs/log-tables.ts';
import { createLogger } from '../../../functions/engine/runtime/logger.ts';
import type { LogEvent } from '../../../functions/engine/runtime/logger.ts';
import { sampleReport } from '../../report/sample-report.ts';
import { configuration } from './configurations.ts';
import { synthesize } from './synth.ts';

const folder = mkdtempSync(join(tmpdir(), 'backstitch-dashboard-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The log query of the widget with this title, and the names of its log groups as the template has them. */
async function widget(title: string): Promise<{ readonly query: string; readonly groups: number }> {
  const { template } = await synthesize(configuration(), { outdir: folder, code: 'stub' });
  const [dashboard] = Object.values(template.findResources('AWS::CloudWatch::Dashboard'));
  const body = dashboard?.['Properties'].DashboardBody as { readonly 'Fn::Join': readonly [string, readonly unknown[]] };
  const text = body['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : 'token')).join('');
  const { widgets } = JSON.parse(text) as {
    readonly widgets: readonly { readonly properties: { readonly title?: string; readonly query?: string } }[];
  };
  const query = widgets.find(({ properties }) => properties.title === title)?.properties.query;
  if (query === undefined) throw new Error(`no query in ${title}`);
  return { query, groups: query.split('SOURCE').length - 1 };
}

test('the widget of tables asks for the event and the fields that jobs log', async () => {
  const events: LogEvent[] = [];
  const log = createLogger(
    (event) => events.push(event),
    () => new Date(),
  );
  const report = sampleReport();
  const loaded = report.tables.filter(({ rows }) => rows > 0);
  logTables(log, report);

  const { query, groups } = await widget('Tables: rows and bytes');

  expect(loaded.length).toBeGreaterThan(0);
  expect(events.map(({ level, fields }) => ({ level, ...fields }))).toEqual(
    loaded.map(({ stream, rows, bytes, objects }) => ({ level: 'INFO', stream, rows, bytes, objects: objects.length })),
  );
  expect(/filter event = '([^']+)'/.exec(query)?.[1]).toBe(events[0]?.event);
  const asked = [...[...query.matchAll(/sum\((\w+)\)/g)].map(([, name]) => name), /by (\w+)/.exec(query)?.[1]];
  expect(asked).toEqual(['rows', 'bytes', 'stream']);
  for (const name of asked) expect(Object.keys(events[0]?.fields ?? {})).toContain(name);
  // Jobs that died are closed by the plan of the next one.
  expect(groups).toBe(2);
});
