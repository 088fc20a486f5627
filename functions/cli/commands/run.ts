import { humanTime, printable } from '../../engine/report/render-text.ts';
import { renderReport } from '../../engine/report/render-report.ts';
import { forEachIntegration, printJson } from '../command.ts';
import type { CommandContext } from '../command.ts';
import { EXIT, exitCodeOfRun } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { showProgress } from '../progress.ts';
import type { ProgressDisplay } from '../progress.ts';
import type { RunOutcome, RunRequest, Workspace } from '../workspace.ts';

/** Runs one job per integration, one after the other, and prints their loading reports. Busy and paused integrations are no failure. */
export async function runCommand(context: CommandContext, { trigger }: Pick<RunRequest, 'trigger'>): Promise<ExitCode> {
  const { interruption, options } = context;
  const code = await forEachIntegration(context, async (workspace, integration) => {
    const outcome = await runWithProgress(context, workspace, integration, trigger);
    if (options.output === 'json') await printJson(context, { integration, ...outcome });
    else await context.console.out.write(renderOutcome(context, integration, outcome));
    return exitCodeOfRun(outcome);
  });
  // A job that a signal ended early did what it was told: say so as shells expect it.
  return code === EXIT.stopped ? (interruption.exitCode ?? code) : code;
}

async function runWithProgress(
  context: CommandContext,
  workspace: Workspace,
  integration: string,
  trigger: RunRequest['trigger'],
): Promise<RunOutcome> {
  const { console, clock, options, interruption } = context;
  await using display = showProgress({
    title: integration,
    preparation: 'reading the structure',
    err: console.err,
    clock,
    mode: options.output === 'json' ? 'quiet' : 'shown',
  });
  using _ = announceStop(context, display);
  return await workspace.run(integration, {
    trigger,
    progress: display.listener,
    stop: interruption.stop,
    abort: interruption.abort,
  });
}

/** Says above the progress what the first Ctrl-C did. */
export function announceStop({ console, interruption }: CommandContext, display: ProgressDisplay): Disposable {
  const announce = (): void => {
    if (!interruption.abort.aborted) display.say(console.err, 'Stopping at the next checkpoint; once more to stop at once.\n');
  };
  interruption.stop.addEventListener('abort', announce, { once: true });
  return { [Symbol.dispose]: () => interruption.stop.removeEventListener('abort', announce) };
}

function renderOutcome({ console }: CommandContext, integration: string, outcome: RunOutcome): string {
  const { style } = console.out;
  const name = style.bold(printable(integration));
  switch (outcome.state) {
    case 'finished':
      return renderReport(outcome.report, style);
    case 'busy':
      return `${name} is busy with job ${printable(outcome.job)}: nothing was started.\n`;
    case 'paused':
      return `${name} is paused since ${humanTime(outcome.pausedAt)}: nothing was started. Go on with: backstitch resume --integration ${printable(integration)}\n`;
  }
}
