import type { ServerFlavour } from '../../engine/source/check-facts.ts';
import { printJson, withIntegration } from '../command.ts';
import type { CommandContext } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { SetupSqlRequest } from '../workspace.ts';

/** What `--flavour` takes. */
export const FLAVOURS: readonly ServerFlavour[] = ['self-hosted', 'rds', 'aurora', 'cloud-sql', 'heroku', 'azure'];

/** Prints the script for the DBA of one integration; nothing is run. */
export async function setupSqlCommand(context: CommandContext, request: SetupSqlRequest): Promise<ExitCode> {
  return withIntegration(context, async (workspace, integration) => {
    const sql = await workspace.setupSql(integration, request, context.interruption.abort);
    if (context.options.output === 'json') await printJson(context, { integration, sql });
    else await context.console.out.write(sql);
  });
}
