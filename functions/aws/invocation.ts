import { leaseTtlSeconds } from '../contract.ts';
import type { Engine } from '../engine/jobs/engine.ts';
import { openJobLog } from '../engine/jobs/job-log.ts';
import { openLedger } from '../engine/ledger/open-ledger.ts';
import type { Ledger } from '../engine/ledger/ledger.ts';
import { errorReport } from '../engine/model/errors.ts';
import { addSpending, NO_SPENDING, parseSpending, spendingJson } from '../engine/report/spending.ts';
import type { Spending } from '../engine/report/spending.ts';
import { systemClock } from '../engine/runtime/clock.ts';
import type { LogEvent, Logger } from '../engine/runtime/logger.ts';
import { engineOf } from '../integration-engine.ts';
import { secretsOf } from '../open-source.ts';
import { openDeadline } from './deadline.ts';
import type { Deadline, LambdaContext } from './deadline.ts';
import { emfLine } from './emf.ts';
import type { MetricName } from './emf.ts';
import type { Sandbox } from './sandbox.ts';

/** Rows between checkpoints of a key-based read: what a function can read many times over within its time. */
const WINDOW_ROWS = 1_000_000;

/** What a handler works with. Everything in it ends with the invocation. */
export interface Invocation {
  readonly sandbox: Sandbox;
  readonly ledger: Ledger;
  readonly log: Logger;
  readonly deadline: Deadline;
  /** The engine of the integration, of which this process may take so many connections. */
  engine(connections: number): Promise<Engine>;
  /** Metrics of this invocation: written in one line at its end. */
  measure(values: Readonly<Partial<Record<MetricName, number>>>): void;
  /** Adds what this invocation used until now, and so many transitions of the state machine, to a job. Never fails a job. */
  spend(job: string, transitions: number): Promise<void>;
}

/** Runs one invocation: its log goes to the function's log at once and to the sink beside the report; what escapes is in it, and is thrown on. */
export async function invoke<T>(
  sandbox: Sandbox,
  context: LambdaContext,
  of: {
    /** Names the part of the job: `plan`, `w0`, `report`. */
    readonly worker: string;
    readonly endBy?: Date;
    readonly onLog?: (event: LogEvent) => void;
  },
  run: (invocation: Invocation) => Promise<T>,
): Promise<T> {
  const began = systemClock.now();
  const begin = { ms: performance.now() - sandbox.takeStartUpMs(), spent: sandbox.tally.spent };
  const { sink, store, integration } = sandbox;
  const { worker } = of;
  using deadline = openDeadline(context, began, of.endBy);
  await using kept = openJobLog({
    sink,
    integration: integration.name,
    // Each invocation of a worker has pieces of its own.
    writer: `${worker}-${began.toISOString().replaceAll(/[^0-9]/g, '')}`,
    clock: systemClock,
    also: (event) => {
      sandbox.print(lineOf(event));
      of.onLog?.(event);
    },
  });
  const log = kept.log.with({ integration: integration.name, worker });
  const ledger = openLedger(store, integration.name, { clock: systemClock, logger: log });
  const values: Partial<Record<MetricName, number>> = {};
  const invocation: Invocation = {
    sandbox,
    ledger,
    log,
    deadline,
    engine: (connections) =>
      engineOf(
        sandbox.config,
        { ...integration, connections },
        {
          ledger,
          sink,
          readSecret: secretsOf(sandbox.env, deadline.abort),
          clock: systemClock,
          log,
          progress: () => undefined,
          limits: { leaseTtlMs: leaseTtlSeconds * 1_000, stopGraceMs: deadline.graceMs, windowRows: WINDOW_ROWS },
        },
      ),
    measure: (more) => void Object.assign(values, more),
    spend: (job, transitions) => spend({ ledger, log }, job, { ...usedSince(sandbox, context, begin), transitions }),
  };
  try {
    return await run(invocation);
  } catch (error) {
    const { code, message, remedy } = errorReport(error);
    log.log('CRITICAL', 'invocation-failed', { code, message, remedy });
    throw error;
  } finally {
    const line = emfLine({ integration: integration.name, at: systemClock.now() }, values);
    if (line !== undefined) sandbox.print(line);
  }
}

/** An event on one line of JSON, as log queries like it: no field in a field. */
function lineOf({ at, level, event, fields }: LogEvent): string {
  return JSON.stringify({ at, level, event, ...fields });
}

function usedSince(
  { tally }: Sandbox,
  context: LambdaContext,
  begin: { readonly ms: number; readonly spent: Spending },
): Spending {
  const { spent } = tally;
  return {
    ...NO_SPENDING,
    invocations: 1,
    gbSeconds: ((performance.now() - begin.ms) / 1_000) * (Number(context.memoryLimitInMB) / 1_024),
    readUnits: spent.readUnits - begin.spent.readUnits,
    writeUnits: spent.writeUnits - begin.spent.writeUnits,
    puts: spent.puts - begin.spent.puts,
    gets: spent.gets - begin.spent.gets,
  };
}

async function spend({ ledger, log }: Pick<Invocation, 'ledger' | 'log'>, job: string, used: Spending): Promise<void> {
  try {
    if ((await ledger.job(job)) === undefined) return;
    await ledger.updateJob(job, (now) => {
      if (now === undefined) throw new TypeError('the record of the job is gone');
      return { ...now, spent: spendingJson(addSpending(parseSpending(now.spent) ?? NO_SPENDING, used)) };
    });
  } catch (error) {
    log.log('WARNING', 'cost-not-noted', { job, code: errorReport(error).code });
  }
}
