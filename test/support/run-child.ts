// A process of its own that runs one job and prints how it ended; its parent may kill it at any moment, or tell it where to die by itself.
import { writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { loadConfig } from '../../functions/engine/config/load.ts';
import { openJobLog } from '../../functions/engine/jobs/job-log.ts';
import { runJob } from '../../functions/engine/jobs/run-job.ts';
import { openLedger } from '../../functions/engine/ledger/open-ledger.ts';
import { systemClock } from '../../functions/engine/runtime/clock.ts';
import type { Failpoint } from '../../functions/engine/runtime/failpoint-list.ts';
import { setFailpoints } from '../../functions/engine/runtime/failpoints.ts';
import { silentLogger } from '../../functions/engine/runtime/logger.ts';
import { isProcessGone, processIdentity } from '../../functions/engine/runtime/process-identity.ts';
import { engineOf } from '../../functions/integration-engine.ts';
import { openSink, openStateStore } from '../../functions/open-stores.ts';
import { secretsOf } from '../../functions/open-source.ts';
import { CHILD_ORDER } from './child-order.ts';
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

setFailpoints(reached);
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
writeSync(1, 'started\n');
const outcome = await runJob(
  { ...engine, settings: { ...engine.settings, ...order.settings } },
  { trigger: 'manual' },
  { stop: stop.signal, abort },
);
const report = 'report' in outcome ? outcome.report : undefined;
writeSync(
  1,
  `${JSON.stringify({ state: report?.state ?? outcome.state, error: report?.error?.code ?? null, hits: Object.fromEntries(hits) })}\n`,
);
