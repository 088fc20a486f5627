import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { openLocal } from '../../functions/local.ts';
import type { LocalOptions } from '../../functions/local.ts';
import type { Workspace } from '../../functions/cli/workspace.ts';
import type { LoadingReport } from '../../functions/engine/model/report.ts';
import type { LogEvent } from '../../functions/engine/runtime/logger.ts';
import type { ServerAddress } from './test-database.ts';

/** A configuration in a folder of its own, run by the embedded engine against a real server. */
export interface TestWorkspace extends AsyncDisposable {
  readonly folder: string;
  readonly configPath: string;
  /** Events of all jobs, as they happened. */
  readonly events: readonly LogEvent[];
  /** Writes the configuration anew; the next call uses it. */
  configure(integration: IntegrationYaml): Promise<void>;
  /** `engine` changes it for this time. */
  open(engine?: Partial<LocalOptions>): Promise<Workspace>;
  /** One job to its end. */
  run(options?: {
    readonly stop?: AbortSignal;
    readonly abort?: AbortSignal;
    readonly trigger?: 'manual' | 'schedule';
  }): Promise<LoadingReport>;
  /** All final reports, oldest first. */
  reports(): Promise<readonly LoadingReport[]>;
}

/** What follows `integrations: [{ name: shop, connection: ... ` as YAML lines at the depth of an integration. */
export interface IntegrationYaml {
  readonly lines: readonly string[];
  /** Lines below `destination:` besides its url. */
  readonly destination?: readonly string[];
}

export async function openTestWorkspace(
  server: ServerAddress & { readonly database: string; readonly user?: string },
  yaml: IntegrationYaml,
  engine: Partial<LocalOptions> = {},
): Promise<TestWorkspace> {
  const folder = await mkdtemp(join(tmpdir(), 'backstitch-test-'));
  const configPath = join(folder, 'backstitch.yaml');
  const events: LogEvent[] = [];
  const configure = async ({ lines, destination = [] }: IntegrationYaml): Promise<void> => {
    const text = [
      'destination:',
      '  url: file:./out',
      ...destination.map((line) => `  ${line}`),
      'state: { url: file:./state }',
      'integrations:',
      '  - name: shop',
      `    connection: { host: ${server.host}, port: ${String(server.port)}, database: ${server.database}, databases: [${server.database}], user: ${server.user ?? 'postgres'}, ssl: { mode: disable } }`,
      ...lines.map((line) => `    ${line}`),
      '',
    ].join('\n');
    await writeFile(configPath, text);
  };
  await configure(yaml);
  const open = (other: Partial<LocalOptions> = {}): Promise<Workspace> =>
    openLocal({ configPath, env: {}, onLog: (event) => events.push(event), ...engine, ...other });
  return {
    folder,
    configPath,
    events,
    configure,
    open,
    run: async (options = {}) => {
      await using workspace = await open();
      const outcome = await workspace.run('shop', {
        trigger: options.trigger ?? 'manual',
        progress: () => undefined,
        stop: options.stop ?? new AbortController().signal,
        abort: options.abort ?? new AbortController().signal,
      });
      if (outcome.state !== 'finished') throw new Error(`the job did not run: ${outcome.state}`);
      return outcome.report;
    },
    reports: async () => {
      await using workspace = await open();
      const signal = AbortSignal.timeout(60_000);
      const reports: LoadingReport[] = [];
      for await (const job of workspace.jobs('shop', { limit: 10_000 }, signal)) {
        if (job.state !== 'skipped' && job.state !== 'running') reports.unshift(await workspace.report('shop', job.job, signal));
      }
      return reports;
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

export type JsonRow = Readonly<Record<string, unknown>>;

/** What a careful loader has after it read all reports. */
export interface Loaded {
  /** Rows of the active version of each stream in the order of loading; every object was checked against its report. */
  readonly rows: ReadonlyMap<string, readonly JsonRow[]>;
  /** Every object that any report names. */
  readonly keys: ReadonlySet<string>;
}

/** Reads the objects that reports name, as a loader would. Throws if one is named twice, is missing, or is not what its report says. */
export async function load(folder: string, reports: readonly LoadingReport[]): Promise<Loaded> {
  const keys = new Set<string>();
  const byVersion = new Map<string, Map<number, JsonRow[]>>();
  const active = new Map<string, number>();
  for (const report of reports) {
    for (const table of report.tables) {
      const versions = byVersion.get(table.stream) ?? new Map<number, JsonRow[]>();
      byVersion.set(table.stream, versions);
      const rows = versions.get(table.tableVersion) ?? [];
      versions.set(table.tableVersion, rows);
      if (table.activeVersion !== null) active.set(table.stream, table.activeVersion);
      for (const object of table.objects) {
        if (keys.has(object.key)) throw new Error(`named twice: ${object.key}`);
        keys.add(object.key);
        const stored = await readFile(join(folder, 'out', object.key));
        const digest = createHash('sha256').update(stored).digest('hex');
        if (stored.length !== object.bytes || digest !== object.sha256)
          throw new Error(`not what its report says: ${object.key}`);
        const text = (object.key.endsWith('.gz') ? gunzipSync(stored) : stored).toString('utf8');
        const lines = text.split('\n').filter((line) => line !== '');
        if (lines.length !== object.rows || Buffer.byteLength(text) !== object.jsonBytes)
          throw new Error(`rows or bytes differ: ${object.key}`);
        for (const line of lines) rows.push(JSON.parse(line) as JsonRow);
      }
    }
  }
  const rows = new Map<string, readonly JsonRow[]>();
  for (const [stream, versions] of byVersion) rows.set(stream, versions.get(active.get(stream) ?? -1) ?? []);
  return { rows, keys };
}

/** The newest row of each key, as a merge by `_sdc_sequence` gives; later rows win among equals. */
export function newest(rows: readonly JsonRow[], key: string): readonly JsonRow[] {
  const byKey = new Map<unknown, JsonRow>();
  for (const row of rows) {
    const known = byKey.get(row[key]);
    if (known === undefined || Number(row['_sdc_sequence']) >= Number(known['_sdc_sequence'])) byKey.set(row[key], row);
  }
  return [...byKey.values()];
}
