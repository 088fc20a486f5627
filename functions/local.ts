import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { Discovery, PlanView, RunOutcome, RunRequest, SetupSqlRequest, Workspace } from './cli/workspace.ts';
import { check } from './engine/check/check.ts';
import type { CheckReport } from './engine/check/finding.ts';
import { setupSql } from './engine/check/setup-sql.ts';
import type { IntegrationConfig } from './engine/config/config.ts';
import { loadConfig } from './engine/config/load.ts';
import type { LoadedConfig } from './engine/config/load.ts';
import type { Engine } from './engine/jobs/engine.ts';
import { openJobLog, readJobLog } from './engine/jobs/job-log.ts';
import { jobReport } from './engine/jobs/job-report.ts';
import type { ProgressListener } from './engine/jobs/progress.ts';
import { resetStreams } from './engine/jobs/reset.ts';
import { slotReports } from './engine/jobs/log/slot-reports.ts';
import { runJob } from './engine/jobs/run-job.ts';
import { readStates } from './engine/jobs/read-states.ts';
import { openLedger } from './engine/ledger/open-ledger.ts';
import type { JobRecord, Ledger } from './engine/ledger/ledger.ts';
import type { LedgerStore } from './engine/ledger/store.ts';
import type { LoadingReport, SlotReport } from './engine/model/report.ts';
import type { StreamState } from './engine/model/stream-state.ts';
import { ReplicationError } from './engine/model/errors.ts';
import type { IntegrationStatus } from './engine/report/status.ts';
import { systemClock } from './engine/runtime/clock.ts';
import { silentLogger } from './engine/runtime/logger.ts';
import { isProcessGone, processIdentity } from './engine/runtime/process-identity.ts';
import type { LogEvent, Logger } from './engine/runtime/logger.ts';
import type { Sink } from './engine/sink/sink.ts';
import { singerCatalog } from './engine/source/singer-catalog.ts';
import { engineOf } from './integration-engine.ts';
import { openSink, openStateStore } from './open-stores.ts';
import { openSource, secretsOf } from './open-source.ts';
import { openThreads } from './threads/open-threads.ts';
import { planView, statusView, streamsNamed } from './workspace-views.ts';

export interface LocalOptions {
  readonly configPath: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Sees every event of a job at once. */
  readonly onLog?: (event: LogEvent) => void;
  /** Cores that large jobs may use, each by a thread. @default those of the machine that this process may use */
  readonly cores?: number;
  /** How much each thread has to have to read, in bytes of the source's disk. @default 64 MiB */
  readonly bytesPerThread?: number;
  /** The module that threads run. @default the built one beside this file; where there is none (sources that were not built) there are no threads */
  readonly threadEntry?: URL;
}

/**
 * The embedded engine: every integration of one configuration file, worked on by this process. Reads and checks the file; connects to nothing until it is asked for something.
 * Throws `config-unreadable`, `config-invalid`.
 */
export async function openLocal(options: LocalOptions): Promise<Workspace> {
  return new LocalWorkspace(await loadConfig(resolve(options.configPath), AbortSignal.timeout(30_000)), options);
}

/** A dashboard does not wait longer for a server. */
const STATUS_LOOK_MS = 10_000;

/** What one call works with. */
interface Scope {
  readonly integration: IntegrationConfig;
  readonly ledger: Ledger;
  readonly sink: Sink;
}

class LocalWorkspace implements Workspace {
  readonly integrations: readonly string[];
  readonly #loaded: LoadedConfig;
  readonly #options: LocalOptions;
  #sink: Promise<Sink> | undefined;
  #store: Promise<LedgerStore> | undefined;

  constructor(loaded: LoadedConfig, options: LocalOptions) {
    this.#loaded = loaded;
    this.#options = options;
    this.integrations = loaded.config.integrations.map((integration) => integration.name);
  }

  async discover(name: string, signal: AbortSignal): Promise<Discovery> {
    const engine = await this.#engine(await this.#scope(name), { signal });
    await using source = await engine.openSource('discover');
    const catalog = await source.discover(signal);
    return { catalog, singer: singerCatalog(catalog) };
  }

  async check(name: string, signal: AbortSignal): Promise<CheckReport> {
    const { destination, state } = this.#loaded.config;
    const integration = this.#integration(name);
    const readSecret = secretsOf(this.#options.env, signal);
    return check(
      {
        integration,
        destination,
        state,
        openSource: () => openSource(integration, { job: 'check', readSecret }),
        openSink: () => openSink(destination),
        openStore: () => openStateStore(state),
      },
      signal,
    );
  }

  async setupSql(name: string, { names, ...request }: SetupSqlRequest, signal: AbortSignal): Promise<string> {
    const integration = this.#integration(name);
    if (names === 'as-written') return setupSql(integration, request);
    await using source = await openSource(integration, { job: 'setup-sql', readSecret: secretsOf(this.#options.env, signal) });
    return setupSql(integration, { ...request, facts: await source.inspect({ keyColumns: [] }, signal) });
  }

  async plan(name: string, signal: AbortSignal): Promise<PlanView> {
    const scope = await this.#scope(name);
    const engine = await this.#engine(scope, { signal });
    await using source = await engine.openSource('plan');
    const selection = engine.select(await source.discover(signal));
    return await planView({
      integration: name,
      selection,
      states: await readStates(engine),
      ledger: scope.ledger,
      nowMs: engine.clock.now().getTime(),
    });
  }

  async run(name: string, request: RunRequest): Promise<RunOutcome> {
    const scope = await this.#scope(name);
    await using kept = openJobLog({
      sink: scope.sink,
      integration: name,
      writer: 'local',
      clock: systemClock,
      also: (event) => this.#options.onLog?.(event),
    });
    const engine = await this.#engine(scope, { signal: request.abort, log: kept.log, progress: request.progress });
    const threads = this.#threads(scope);
    const outcome = await runJob(
      { ...engine, ...threads },
      { trigger: request.trigger },
      { stop: request.stop, abort: request.abort },
    );
    return outcome.state === 'failed' ? { state: 'finished', report: outcome.report } : outcome;
  }

  async status(name: string): Promise<IntegrationStatus> {
    const scope = await this.#scope(name);
    const engine = await this.#engine(scope, { signal: AbortSignal.timeout(60_000) });
    const states = await readStates(engine);
    return statusView({
      slots: await this.#slots(engine, states),
      integration: scope.integration,
      ledger: scope.ledger,
      states,
      now: systemClock.now(),
    });
  }

  async *jobs(name: string, query: { readonly limit: number }): AsyncGenerator<JobRecord> {
    const { ledger } = await this.#scope(name);
    yield* ledger.jobs(query);
  }

  async report(name: string, job: string, signal: AbortSignal): Promise<LoadingReport> {
    return jobReport(await this.#engine(await this.#scope(name), { signal }), job);
  }

  async *logs(name: string, job: string, signal: AbortSignal): AsyncGenerator<LogEvent> {
    const { ledger, sink } = await this.#scope(name);
    if ((await ledger.job(job)) === undefined) throw new ReplicationError('job-unknown', { job, integration: name });
    yield* readJobLog(sink, { integration: name, job }, signal);
  }

  async reset(
    name: string,
    request: { readonly table?: string },
    signal: AbortSignal,
  ): Promise<{ readonly streams: readonly string[] }> {
    const engine = await this.#engine(await this.#scope(name), { signal });
    const streams =
      request.table === undefined ? 'all' : streamsNamed(request.table, await readStates(engine), engine.settings.integration);
    return { streams: await resetStreams(engine, streams, signal) };
  }

  async pause(name: string): Promise<{ readonly pausedAt: string; readonly changed: boolean }> {
    const { ledger } = await this.#scope(name);
    const now = systemClock.now().toISOString();
    const { pausedAt = now } = await ledger.updateControl((control) => ({ ...control, pausedAt: control.pausedAt ?? now }));
    return { pausedAt, changed: pausedAt === now };
  }

  async resume(name: string): Promise<{ readonly changed: boolean }> {
    const { ledger } = await this.#scope(name);
    const wasPaused = (await ledger.control()).pausedAt !== undefined;
    await ledger.updateControl(({ pausedAt: _, ...control }) => control);
    return { changed: wasPaused };
  }

  async stop(name: string): Promise<{ readonly state: 'asked'; readonly job: string } | { readonly state: 'idle' }> {
    const { ledger } = await this.#scope(name);
    const holder = await ledger.holder();
    if (holder === undefined) return { state: 'idle' };
    await ledger.updateControl((control) => ({ ...control, stopRequested: holder.job }));
    return { state: 'asked', job: holder.job };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What could not be opened was the error of whoever asked for it: here it is nothing to close.
    await (await this.#sink?.catch(() => undefined))?.[Symbol.asyncDispose]();
    await (await this.#store?.catch(() => undefined))?.[Symbol.asyncDispose]();
  }

  /** How slots stand now; of a server that does not answer soon nothing is said. */
  async #slots(engine: Engine, states: ReadonlyMap<string, StreamState>): Promise<readonly SlotReport[]> {
    if (![...states.values()].some((state) => state.method === 'LOG_BASED')) return [];
    try {
      await using source = await engine.openSource('status');
      return await slotReports({ ...engine, source }, AbortSignal.timeout(STATUS_LOOK_MS));
    } catch {
      // Status is for when things are broken, too: it shows what the ledger knows.
      return [];
    }
  }

  async #scope(name: string): Promise<Scope> {
    const { config } = this.#loaded;
    const integration = this.#integration(name);
    this.#sink ??= openSink(config.destination);
    this.#store ??= openCheckedStore(config.state);
    const [sink, store] = await Promise.all([this.#sink, this.#store]);
    const owner = { identity: await processIdentity(), isGone: isProcessGone };
    return { integration, sink, ledger: openLedger(store, name, { clock: systemClock, logger: silentLogger, owner }) };
  }

  #threads({ integration }: Scope): Pick<Engine, 'threads'> {
    const { env, cores = availableParallelism(), bytesPerThread, threadEntry: entry = builtEntry() } = this.#options;
    if (entry === undefined) return {};
    const limits = { cores, ...(bytesPerThread === undefined ? {} : { bytesPerThread }) };
    return { threads: openThreads({ entry, ...limits, config: this.#loaded.config, integration, env }) };
  }

  #integration(name: string): IntegrationConfig {
    const { config, file } = this.#loaded;
    const integration = config.integrations.find((known) => known.name === name);
    if (integration === undefined) {
      throw new ReplicationError('integration-unknown', { integration: name, file, known: this.integrations.join(', ') });
    }
    return integration;
  }

  async #engine(
    scope: Scope,
    run: { readonly signal: AbortSignal; readonly log?: Logger; readonly progress?: ProgressListener },
  ): Promise<Engine> {
    return engineOf(this.#loaded.config, scope.integration, {
      ledger: scope.ledger,
      sink: scope.sink,
      readSecret: secretsOf(this.#options.env, run.signal),
      clock: systemClock,
      log: run.log ?? silentLogger,
      progress: run.progress ?? (() => undefined),
    });
  }
}

function builtEntry(): URL | undefined {
  const built = new URL('./threads/entry.js', import.meta.url);
  return existsSync(built) ? built : undefined;
}

async function openCheckedStore(state: Parameters<typeof openStateStore>[0]): Promise<LedgerStore> {
  const store = await openStateStore(state);
  try {
    await store.check(AbortSignal.timeout(60_000));
    return store;
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}
