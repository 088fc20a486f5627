import type { LoadingReport } from '../../../functions/engine/model/report.ts';
import { loadConfig } from '../../../functions/engine/config/load.ts';
import type { ProgressListener } from '../../../functions/engine/jobs/progress.ts';
import { openJobLog } from '../../../functions/engine/jobs/job-log.ts';
import { runJob } from '../../../functions/engine/jobs/run-job.ts';
import { openLedger } from '../../../functions/engine/ledger/open-ledger.ts';
import type { LeaseOwner } from '../../../functions/engine/ledger/lease.ts';
import { systemClock } from '../../../functions/engine/runtime/clock.ts';
import type { Clock } from '../../../functions/engine/runtime/clock.ts';
import { silentLogger } from '../../../functions/engine/runtime/logger.ts';
import { engineOf } from '../../../functions/integration-engine.ts';
import { openSink, openStateStore } from '../../../functions/open-stores.ts';
import { secretsOf } from '../../../functions/open-source.ts';
import type { TestWorkspace } from '../../support/workspace.ts';

export interface EngineRun {
  readonly progress?: ProgressListener;
  /** @default the real one */
  readonly clock?: Clock;
  /** @default quick ones: how long is waited is not what these tests are about */
  readonly retryDelaysMs?: readonly number[];
  readonly leaseTtlMs?: number;
  /** A process that can be told from others, as on one machine. Absent: only time tells whether a lease is live, as between machines. */
  readonly owner?: LeaseOwner;
}

/** One job of a workspace in this process, with what the product has built in replaced. `report` is absent where the integration is busy. */
export async function runEngine(
  workspace: Pick<TestWorkspace, 'configPath'>,
  { progress = () => undefined, clock = systemClock, retryDelaysMs = [200, 400, 800, 1_600], leaseTtlMs, owner }: EngineRun = {},
): Promise<{ readonly state: string; readonly report: LoadingReport | undefined }> {
  const signal = new AbortController().signal;
  const { config } = await loadConfig(workspace.configPath, signal);
  const [integration] = config.integrations;
  if (integration === undefined) throw new Error('no integration');
  await using sink = await openSink(config.destination);
  await using store = await openStateStore(config.state);
  await using kept = openJobLog({
    sink,
    integration: integration.name,
    writer: 'local',
    clock: systemClock,
    also: () => undefined,
  });
  const engine = await engineOf(config, integration, {
    ledger: openLedger(store, integration.name, { clock, logger: silentLogger, ...(owner === undefined ? {} : { owner }) }),
    sink,
    readSecret: secretsOf({}, signal),
    clock,
    log: kept.log,
    progress,
  });
  const settings = { ...engine.settings, retryDelaysMs, ...(leaseTtlMs === undefined ? {} : { leaseTtlMs }) };
  const outcome = await runJob({ ...engine, settings }, { trigger: 'manual' }, { stop: signal, abort: signal });
  return { state: outcome.state, report: 'report' in outcome ? outcome.report : undefined };
}

/** Runs jobs until one is complete. Throws after so many, or when one has another error than those. */
export async function untilComplete(
  workspace: Pick<TestWorkspace, 'configPath'>,
  { most = 4, allowed, ...run }: EngineRun & { readonly most?: number; readonly allowed: readonly string[] },
): Promise<readonly LoadingReport[]> {
  const reports: LoadingReport[] = [];
  while (reports.length < most) {
    const { state, report } = await runEngine(workspace, run);
    if (report === undefined) throw new Error(`the job did not run: ${state}`);
    reports.push(report);
    if (report.state === 'complete') return reports;
    for (const code of [report.error?.code, ...report.tables.map((table) => table.error?.code)]) {
      if (code !== undefined && !allowed.includes(code)) throw new Error(`a job ended with ${code}`);
    }
  }
  throw new Error(
    `no job of ${String(most)} was complete: ${JSON.stringify(reports.map(({ tables, error }) => [error, tables.map((table) => table.error)]))}`,
  );
}
