import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { plan } from '../../../functions/aws/plan.ts';
import { report } from '../../../functions/aws/report.ts';
import { openSandbox } from '../../../functions/aws/sandbox.ts';
import type { Sandbox } from '../../../functions/aws/sandbox.ts';
import { watch } from '../../../functions/aws/watch.ts';
import type { WatchOutput } from '../../../functions/aws/watch.ts';
import { work } from '../../../functions/aws/work.ts';
import type { LambdaContext } from '../../../functions/aws/deadline.ts';
import { configFile } from '../../../functions/contract.ts';
import type { JobEvent, PlanOutput, ReportInput, ReportOutput, WorkInput, WorkOutput } from '../../../functions/contract.ts';
import { loadConfig } from '../../../functions/engine/config/load.ts';
import { packConfig } from '../../../functions/engine/config/packed-config.ts';
import { load } from '../../support/workspace.ts';
import type { Loaded, TestWorkspace } from '../../support/workspace.ts';
import type { Cloud } from '../../e2e/support/cloud.ts';

/** The functions of one integration, each call as Lambda would make it: all in one sandbox, as after warm starts. */
export interface Functions extends AsyncDisposable {
  readonly sandbox: Sandbox;
  /** What was written to the log, by line. */
  readonly lines: readonly string[];
  plan(options?: {
    readonly trigger?: 'schedule' | 'manual';
    readonly execution?: string;
    readonly startedAt?: string;
  }): Promise<PlanOutput>;
  work(input: WorkInput, limitMs?: number): Promise<WorkOutput>;
  report(input: ReportInput): Promise<ReportOutput | null>;
  watch(): Promise<WatchOutput>;
  /** A whole execution, as the state machine goes through it. */
  execute(options?: { readonly limitMs?: number; readonly execution?: string }): Promise<Execution>;
}

export interface Execution {
  readonly planned: PlanOutput;
  /** Answers of all workers, in order. */
  readonly answers: readonly WorkOutput[];
  readonly reported: ReportOutput | undefined;
  readonly events: readonly JobEvent[];
}

const LAMBDA_LIMIT_MS = 120_000;
let executions = 0;

/** Deploys the configuration of a workspace whose destination and state are in the cloud. */
export async function deploy(workspace: TestWorkspace): Promise<Functions> {
  const { config } = await loadConfig(workspace.configPath, AbortSignal.timeout(10_000));
  const { json } = packConfig(config, 'shop');
  const folder = join(workspace.folder, 'task');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, configFile), json);
  const lines: string[] = [];
  const sandbox = await openSandbox({ folder, env: {}, print: (line) => lines.push(line) });
  const functions: Functions = {
    sandbox,
    lines,
    plan: ({ trigger = 'manual', execution = newExecution(), startedAt = new Date().toISOString() } = {}) =>
      plan(sandbox, { trigger, execution, startedAt }, contextOf(LAMBDA_LIMIT_MS)),
    work: (input, limitMs = LAMBDA_LIMIT_MS) => work(sandbox, input, contextOf(limitMs)),
    report: (input) => report(sandbox, input, contextOf(LAMBDA_LIMIT_MS)),
    watch: () => watch(sandbox, contextOf(LAMBDA_LIMIT_MS)),
    execute: async ({ limitMs = LAMBDA_LIMIT_MS, execution = newExecution() } = {}) => {
      const planned = await functions.plan({ execution });
      if (planned.state !== 'started') return { planned, answers: [], reported: undefined, events: [] };
      const answers: WorkOutput[] = [];
      await Promise.all(
        planned.workers.map(async (input) => {
          for (;;) {
            const answer = await functions.work(input, limitMs);
            answers.push(answer);
            if (answer.state !== 'more') return;
          }
        }),
      );
      const reported = await functions.report({ kind: 'finish', job: planned.job });
      const events: JobEvent[] = [];
      for (let page = reported; page !== null;) {
        events.push(...page.events);
        if (page.next === null) break;
        page = await functions.report({ kind: 'events', job: planned.job, from: page.next });
      }
      return { planned, answers, reported: reported ?? undefined, events };
    },
    [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose](),
  };
  return functions;
}

/** What Lambda says to an invocation that may take so long. */
export function contextOf(limitMs: number): LambdaContext {
  const endsAtMs = performance.now() + limitMs;
  return {
    awsRequestId: 'request',
    memoryLimitInMB: '1024',
    getRemainingTimeInMillis: () => Math.max(0, endsAtMs - performance.now()),
  };
}

export function newExecution(): string {
  executions += 1;
  return `arn:aws:states:eu-central-1:123456789012:execution:backstitch-shop:${String(executions)}`;
}

/** What a loader has: the objects that the reports name, brought from the bucket. */
export async function loadAll(cloud: Pick<Cloud, 's3'>, workspace: TestWorkspace): Promise<Loaded> {
  for (const [key, object] of cloud.s3.store.objects) {
    const path = join(workspace.folder, 'out', key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, Buffer.concat(await Promise.all(object.blobs.map((blob) => blob.read()))));
  }
  return load(workspace.folder, await workspace.reports());
}

/** The metrics in the log, of all invocations, in order. */
export function metricsIn(lines: readonly string[]): readonly Readonly<Record<string, unknown>>[] {
  return lines.flatMap((line) => {
    const { _aws: meta, Integration: _, ...values } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    return meta === undefined ? [] : [values];
  });
}
