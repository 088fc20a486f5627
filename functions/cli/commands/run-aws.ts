import { loadConfig } from '../../engine/config/load.ts';
import { resolveAws } from '../../engine/config/schema-aws.ts';
import { stateMachineName } from '../../engine/config/state-machine-name.ts';
import { printable } from '../../engine/report/render-text.ts';
import { integrationsMeant, printJson } from '../command.ts';
import type { CommandContext } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';

/** Starts one job per integration in AWS, also while it is paused, and says where it is watched. Does not wait for its end. */
export async function runAwsCommand(context: CommandContext): Promise<ExitCode> {
  const { console, options, interruption, startExecution } = context;
  const { config } = await loadConfig(options.configPath, interruption.abort);
  const { stackName } = config.aws ?? resolveAws();
  const names = config.integrations.map(({ name }) => name);
  for (const integration of integrationsMeant({ integrations: names }, options)) {
    const started = await startExecution({ stateMachineName: stateMachineName(stackName, integration) }, interruption.abort);
    if (options.output === 'json') await printJson(context, { integration, ...started });
    else {
      const { executionArn, consoleUrl } = started;
      await console.out.write(`${console.out.style.bold(printable(integration))} starts as ${executionArn}\n${consoleUrl}\n`);
    }
  }
  return EXIT.ok;
}
