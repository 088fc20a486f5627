import { metrics } from '../contract.ts';
import { lookAtSlots } from '../engine/jobs/log/slot-reports.ts';
import type { SlotLook } from '../engine/jobs/log/slot-reports.ts';
import type { Ledger } from '../engine/ledger/ledger.ts';
import { errorReport } from '../engine/model/errors.ts';
import { intervalsSince } from '../engine/schedule/intervals-since.ts';
import type { LambdaContext } from './deadline.ts';
import type { MetricName } from './emf.ts';
import { invoke } from './invocation.ts';
import type { Invocation } from './invocation.ts';
import type { Sandbox } from './sandbox.ts';

/** Records among which the last complete job is looked for. */
const RECENT_JOBS = 500;
/** Of retained WAL, where the server sets no limit of its own: a full disk stops the server of the source. */
const BUDGET_BYTES = 100e9;

/** What the watchdog saw, as its metrics say it. */
export interface WatchOutput {
  readonly metrics: Readonly<Partial<Record<MetricName, number>>>;
}

type Values = Partial<Record<MetricName, number>>;

/**
 * Looks at the slots of an integration and at its last job, whether or not jobs run. A source that is down, or anything else that keeps it from seeing, is a metric and a line in the
 * log: never an error, which would only be tried again.
 */
export async function watch(sandbox: Sandbox, context: LambdaContext): Promise<WatchOutput> {
  return invoke(sandbox, context, { worker: 'watch' }, async (invocation) => {
    const values: Values = { [metrics.watchFailed]: 0 };
    await see(invocation, values, async () => {
      Object.assign(values, await jobValues(invocation));
    });
    await see(invocation, values, async () => {
      Object.assign(values, slotValues(await slotLooks(invocation, values)));
    });
    invocation.measure(values);
    return { metrics: values };
  });
}

async function see({ log }: Invocation, values: Values, look: () => Promise<void>): Promise<void> {
  try {
    await look();
  } catch (error) {
    const { code, message } = errorReport(error);
    log.log('ERROR', 'watch-failed', { code, message });
    values[metrics.watchFailed] = 1;
  }
}

async function slotLooks(invocation: Invocation, values: Values): Promise<readonly SlotLook[]> {
  const { deadline, log } = invocation;
  const engine = await invocation.engine(1);
  await using source = await engine.openSource('watch');
  const looks = await lookAtSlots({ ...engine, source, log }, deadline.stop);
  const unseen = looks.find((look) => look.state === 'unseen');
  if (unseen !== undefined) {
    log.log('ERROR', 'watch-failed', { database: unseen.database, code: unseen.code });
    values[metrics.watchFailed] = 1;
  }
  // Without slots to look at, nothing has shown yet that the source answers.
  if (looks.length === 0) await source.info(deadline.stop);
  return looks;
}

/** Slots of one server hold the same WAL: what matters is the one that holds most. Nothing where nothing is read from the log. */
function slotValues(looks: readonly SlotLook[]): Values {
  if (looks.length === 0) return {};
  const reports = looks.flatMap((look) => (look.state === 'seen' ? [look.report] : []));
  const lost = looks.filter((look) => look.state === 'missing' || (look.state === 'seen' && isLost(look.report.walStatus)));
  const seconds = looks.flatMap(({ behindSeconds }) => behindSeconds ?? []);
  return {
    ...(seconds.length === 0 ? {} : { [metrics.lagSeconds]: Math.max(...seconds) }),
    // What was not seen has no value, so that an alarm does not take it for none.
    ...(looks.some((look) => look.state === 'unseen')
      ? {}
      : {
          [metrics.slotsLost]: lost.length,
          [metrics.walRetainedBytes]: Math.max(0, ...reports.map(({ retainedBytes }) => retainedBytes)),
          [metrics.walBudgetPercent]: Math.max(
            0,
            ...reports.map(({ budgetUsed, retainedBytes }) => 100 * (budgetUsed ?? retainedBytes / BUDGET_BYTES)),
          ),
          [metrics.lagBytes]: Math.max(0, ...reports.map(({ behindBytes }) => behindBytes ?? 0)),
        }),
  };
}

/** `lost`, or in place of a status why the slot was invalidated (17+). */
function isLost(walStatus: string | null | undefined): boolean {
  return walStatus !== null && walStatus !== undefined && !['reserved', 'extended', 'unreserved'].includes(walStatus);
}

async function jobValues({ sandbox, ledger }: Invocation): Promise<Values> {
  const { schedule } = sandbox.integration;
  if (schedule === undefined) return {};
  const { pausedAt } = await ledger.control();
  if (pausedAt !== undefined) return { [metrics.intervalsSinceComplete]: 0 };
  const since = await lastComplete(ledger);
  return { [metrics.intervalsSinceComplete]: since === undefined ? 0 : intervalsSince(schedule, since, new Date()) };
}

/** When a job last loaded what it could; where none ever did, when the first one began. Undefined before the first. */
async function lastComplete(ledger: Ledger): Promise<Date | undefined> {
  let first: string | undefined;
  for await (const { state, startedAt, endedAt } of ledger.jobs({ limit: RECENT_JOBS })) {
    if (state === 'complete' || state === 'partial') return new Date(endedAt ?? startedAt);
    first = startedAt;
  }
  return first === undefined ? undefined : new Date(first);
}
