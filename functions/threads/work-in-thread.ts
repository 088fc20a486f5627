import type { MessagePort } from 'node:worker_threads';
import type { Engine } from '../engine/jobs/engine.ts';
import type { Budget, JobContext } from '../engine/jobs/job.ts';
import { runWorker } from '../engine/jobs/worker.ts';
import { openLedger } from '../engine/ledger/open-ledger.ts';
import { systemClock } from '../engine/runtime/clock.ts';
import { createLogger } from '../engine/runtime/logger.ts';
import { isProcessGone, processIdentity } from '../engine/runtime/process-identity.ts';
import { engineOf } from '../integration-engine.ts';
import { secretsOf } from '../open-source.ts';
import { openSink, openStateStore } from '../open-stores.ts';
import { withRevealedSecrets } from './copied-secrets.ts';
import { sentFailure } from './failures.ts';
import type { FromThread, ThreadStart, ToThread } from './messages.ts';
import { RemoteGate } from './remote-gate.ts';

/**
 * Works for a job that began in another thread of this process, as a worker of another process does: with a lease joined and connections of its own. What only the thread of the job has (log,
 * progress, pressure gate, the user's wishes) comes and goes through `port`. Everything that was opened is closed when it resolves, and its end has been told.
 */
export async function workInThread(port: MessagePort, start: ThreadStart): Promise<void> {
  const send = (message: FromThread): void => port.postMessage(message);
  const stop = new AbortController();
  const abort = new AbortController();
  const remote = new RemoteGate(send);
  const onMessage = (message: ToThread): void => {
    switch (message.kind) {
      case 'stop':
        stop.abort(new DOMException('The job was asked to stop', 'AbortError'));
        break;
      case 'abort':
        abort.abort(new DOMException('The job was ended', 'AbortError'));
        break;
      default:
        remote.receive(message);
    }
  };
  port.on('message', onMessage);
  try {
    await work(start, { send, remote, budget: { stop: stop.signal, abort: abort.signal } });
    send({ kind: 'ended' });
  } catch (error) {
    send({ kind: 'failed', error: sentFailure(error) });
  } finally {
    port.off('message', onMessage);
  }
}

interface Wires {
  readonly send: (message: FromThread) => void;
  readonly remote: RemoteGate;
  readonly budget: Budget;
}

async function work(start: ThreadStart, { send, remote, budget }: Wires): Promise<void> {
  const { config, job, workers, settings, streams } = start;
  const integration = withRevealedSecrets(start.integration);
  const log = createLogger(
    ({ level, event, fields }) => send({ kind: 'log', level, event, fields }),
    () => systemClock.now(),
  );
  await using sink = await openSink(config.destination);
  await using store = await openStateStore(config.state);
  const owner = { identity: await processIdentity(), isGone: isProcessGone };
  const ledger = openLedger(store, integration.name, { clock: systemClock, logger: log, owner });
  const engine: Engine = {
    ...(await engineOf(
      { ...config, integrations: [integration] },
      // The budget of the job is that of all its threads.
      { ...integration, connections: workers.length },
      {
        ledger,
        sink,
        readSecret: secretsOf(start.env, budget.abort),
        clock: systemClock,
        log,
        progress: (event) => send({ kind: 'progress', event }),
      },
    )),
    settings,
  };
  send({ kind: 'started' });
  await using lease = await ledger.join(job, settings.leaseTtlMs);
  await using source = await engine.openSource(job);
  const context: JobContext = {
    ...engine,
    lease,
    source,
    streams,
    ...(start.gate === 'open' ? {} : { pressure: remote.gate }),
  };
  const list = await ledger.work(job);
  const failed = new AbortController();
  const inner: Budget = { stop: budget.stop, abort: AbortSignal.any([budget.abort, failed.signal]) };
  await Promise.all(
    workers.map((worker) => runWorker(context, list, worker, inner).catch((error: unknown) => failed.abort(error))),
  );
  if (failed.signal.aborted) throw failed.signal.reason;
}
