import { renderStatus } from '../../engine/report/render-status.ts';
import { forEachIntegration, printJson } from '../command.ts';
import type { CommandContext } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';

/** Prints how integrations stand. With `verdict: 'exit-code'` a failing or partial one makes the command fail, for monitoring. */
export async function statusCommand(
  context: CommandContext,
  { verdict }: { readonly verdict: 'exit-code' | 'printed' },
): Promise<ExitCode> {
  const { console, clock, interruption, options } = context;
  return forEachIntegration(context, async (workspace, integration) => {
    const status = await workspace.status(integration, interruption.abort);
    if (options.output === 'json') await printJson(context, status);
    else await console.out.write(renderStatus(status, clock.now(), console.out.style));
    const isBad = status.state === 'failing' || status.state === 'partial' || status.error !== null;
    return verdict === 'exit-code' && isBad ? EXIT.failed : EXIT.ok;
  });
}
