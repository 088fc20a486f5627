import { humanTime, printable } from '../../engine/report/render-text.ts';
import { printJson, withIntegration } from '../command.ts';
import type { CommandContext } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';

/** From now on schedules start nothing. */
export async function pauseCommand(context: CommandContext): Promise<ExitCode> {
  return withIntegration(context, async (workspace, integration) => {
    const outcome = await workspace.pause(integration, context.interruption.abort);
    const since = humanTime(outcome.pausedAt);
    const text = outcome.changed
      ? `is paused: schedules start nothing; a running job goes on.`
      : `was paused already, since ${since}.`;
    await tell(context, { integration, outcome, text });
  });
}

/** Schedules start jobs again. */
export async function resumeCommand(context: CommandContext): Promise<ExitCode> {
  return withIntegration(context, async (workspace, integration) => {
    const outcome = await workspace.resume(integration, context.interruption.abort);
    await tell(context, {
      integration,
      outcome,
      text: outcome.changed ? 'goes on: schedules start jobs again.' : 'was not paused.',
    });
  });
}

/** Asks the running job to end at its next checkpoint. */
export async function stopCommand(context: CommandContext): Promise<ExitCode> {
  return withIntegration(context, async (workspace, integration) => {
    const outcome = await workspace.stop(integration, context.interruption.abort);
    const text =
      outcome.state === 'asked' ? `job ${printable(outcome.job)} was asked to end at its next checkpoint.` : 'runs no job.';
    await tell(context, { integration, outcome, text });
  });
}

async function tell(
  context: CommandContext,
  { integration, outcome, text }: { readonly integration: string; readonly outcome: object; readonly text: string },
): Promise<void> {
  if (context.options.output === 'json') await printJson(context, { integration, ...outcome });
  else await context.console.out.write(`${context.console.out.style.bold(printable(integration))} ${text}\n`);
}
