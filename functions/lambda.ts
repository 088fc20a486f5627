import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LambdaContext } from './aws/deadline.ts';
import type { Sandbox } from './aws/sandbox.ts';
import type { WatchOutput } from './aws/watch.ts';
import type { PlanInput, PlanOutput, ReportInput, ReportOutput, WorkInput, WorkOutput } from './contract.ts';

const modules = {
  plan: () => import('./aws/plan.ts'),
  work: () => import('./aws/work.ts'),
  report: () => import('./aws/report.ts'),
  watch: () => import('./aws/watch.ts'),
} as const;

/** Begins or refuses a job: see `aws/plan.ts`. */
export async function plan(input: PlanInput, context: LambdaContext): Promise<PlanOutput> {
  return (await modules.plan()).plan(await sandbox(), input, context);
}

/** Works for a job as one of its workers: see `aws/work.ts`. */
export async function work(input: WorkInput, context: LambdaContext): Promise<WorkOutput> {
  return (await modules.work()).work(await sandbox(), input, context);
}

/** Ends a job and hands out its events: see `aws/report.ts`. */
export async function report(input: ReportInput, context: LambdaContext): Promise<ReportOutput | null> {
  return (await modules.report()).report(await sandbox(), input, context);
}

/** Looks at the slots of an integration: see `aws/watch.ts`. */
export async function watch(_input: unknown, context: LambdaContext): Promise<WatchOutput> {
  return (await modules.watch()).watch(await sandbox(), context);
}

let opened: Promise<Sandbox> | undefined;

/** One for the life of this process. What failed once is tried again by the next invocation. */
function sandbox(): Promise<Sandbox> {
  opened ??= open().catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

async function open(): Promise<Sandbox> {
  const { openSandbox } = await import('./aws/sandbox.ts');
  const { env } = process;
  return openSandbox({
    // Where Lambda puts the code of a function.
    folder: env['LAMBDA_TASK_ROOT'] ?? dirname(fileURLToPath(import.meta.url)),
    env,
    print: (line) => void process.stdout.write(`${line}\n`),
    startUpMs: process.uptime() * 1_000,
  });
}

// While Lambda starts a function it has a whole processor, whatever its memory: what the handler needs is loaded then.
const name = process.env['_HANDLER']?.split('.').at(-1);
if (name !== undefined && Object.hasOwn(modules, name))
  await Promise.all([modules[name as keyof typeof modules](), import('./aws/sandbox.ts')]);
