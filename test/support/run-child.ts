// A process of its own that runs one job and prints how it ended; its parent may kill it at any moment, or tell it where to die by itself.
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Config, IntegrationConfig } from '../../functions/engine/config/config.ts';
import { loadConfig } from '../../functions/engine/config/load.ts';
import { openJobLog } from '../../functions/engine/jobs/job-log.ts';
import { runJob } from '../../functions/engine/jobs/run-job.ts';
import type { WorkerThreads } from '../../functions/engine/jobs/worker-threads.ts';
import { openLedger } from '../../functions/engine/ledger/open-ledger.ts';
import { systemClock } from '../../functions/engine/runtime/clock.ts';
import type { Failpoint } from '../../functions/engine/runtime/failpoint-list.ts';
import { setFailpoints } from '../../functions/engine/runtime/failpoints.ts';
import { silentLogger } from '../../functions/engine/runtime/logger.ts';
import { isProcessGone, processIdentity } from '../../functions/engine/runtime/process-identity.ts';
import { engineOf } from '../../functions/integration-engine.ts';
import { openSink, openStateStore } from '../../functions/open-stores.ts';
import { secretsOf } from '../../functions/open-source.ts';
import { openThreads } from '../../functions/threads/open-threads.ts';
import { CHILD_ORDER, CHILD_THREAD } from './child-order.ts';
import type { ChildOrder } from './child-order.ts';

const [configPath = '', integration = 'shop'] = process.argv.slice(2);
const order = JSON.parse(process.env[CHILD_ORDER] ?? '{}') as ChildOrder;
const stop = new AbortController();
const abort = new AbortController().signal;
const hits = new Map<Failpoint, number>();
const arrivals = new Map<Failpoint, () => void>();

function arrivalAt(name: Failpoint): Promise<void> {
  if (hits.has(name)) return Promise.resolve();
  return new Promise((arrived) => arrivals.set(name, arrived));
}

async function reached(name: Failpoint): Promise<void> {
  const hit = (hits.get(name) ?? 0) + 1;
  hits.set(name, hit);
  arrivals.get(name)?.();
  if (order.askToStopAt === name) stop.abort();
  if (order.hold?.at === name && hit === 1) await arrivalAt(order.hold.until);
  if (order.fail?.at !== name || order.fail.hit !== hit) return;
  switch (order.fail.how) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      return new Promise(() => undefined);
    case 'stop':
      // Written at once: a process that stands still hands nothing on.
      writeSync(1, 'stopped\n');
      process.kill(process.pid, 'SIGSTOP');
      return;
    case 'throw':
      throw new Error(`failpoint ${name}`);
  }
}

/** Threads for the workers beside the first, as the order wants; the first worker takes nothing before they have ended, so that everything happens in them. */
const threadsEnded = new AbortController();
let running = 0;

function threadsOf(config: Config, integration: IntegrationConfig): WorkerThreads | undefined {
  const entry = process.env[CHILD_THREAD];
  if (entry === undefined || order.threads === undefined) return undefined;
  const opened = openThreads({
    entry: pathToFileURL(entry),
    cores: order.threads,
    bytesPerThread: 1,
    config,
    integration,
    env: {},
  });
  return {
    ...opened,
    run: async (work, budget) => {
      running += 1;
      try {
        return await opened.run(work, budget);
      } finally {
        running -= 1;
        if (running === 0) threadsEnded.abort();
      }
    },
  };
}

async function untilThreadsEnd(name: Failpoint): Promise<void> {
  if (name !== 'work.take.before') return;
  // They are begun in the same turn, where there is enough to copy for them.
  await setImmediate();
  if (running > 0) await once(threadsEnded.signal, 'abort');
}

setFailpoints(order.threads === undefined ? reached : untilThreadsEnd);
const { config } = await loadConfig(resolve(configPath), AbortSignal.timeout(30_000));
const known = config.integrations.find(({ name }) => name === integration);
if (known === undefined) throw new Error(`no integration ${integration}`);
await using sink = await openSink(config.destination);
await using store = await openStateStore(config.state);
await using kept = openJobLog({ sink, integration, writer: 'local', clock: systemClock, also: () => undefined });
const owner = { identity: await processIdentity(), isGone: isProcessGone };
const engine = await engineOf(config, known, {
  ledger: openLedger(store, integration, { clock: systemClock, logger: silentLogger, owner }),
  sink,
  readSecret: secretsOf({}, abort),
  clock: systemClock,
  log: kept.log,
  progress: () => undefined,
});
const threads = threadsOf(config, known);
writeSync(1, 'started\n');
const outcome = await runJob(
  { ...engine, settings: { ...engine.settings, ...order.settings }, ...(threads === undefined ? {} : { threads }) },
  { trigger: 'manual' },
  { stop: stop.signal, abort },
);
const report = 'report' in outcome ? outcome.report : undefined;
writeSync(
  1,
  `${JSON.stringify({ state: report?.state ?? outcome.state, error: report?.error?.code ?? null, hits: Object.fromEntries(hits) })}\n`,
);
