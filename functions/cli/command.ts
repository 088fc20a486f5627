import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { ReplicationError } from '../engine/model/errors.ts';
import { printableJson } from '../engine/report/render-text.ts';
import type { Clock } from '../engine/runtime/clock.ts';
import { OutputClosed } from './console.ts';
import type { Console } from './console.ts';
import { EXIT, worst } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import { printError } from './print-error.ts';
import type { Interruption } from './signals.ts';
import type { CreateSshKey, OpenWorkspace, RunDemo, StartExecution, Workspace } from './workspace.ts';

/** What a command needs from outside. */
export interface CommandContext {
  readonly console: Console;
  readonly clock: Clock;
  readonly openWorkspace: OpenWorkspace;
  readonly runDemo: RunDemo;
  readonly createSshKey: CreateSshKey;
  readonly startExecution: StartExecution;
  readonly interruption: Interruption;
  readonly options: CommonOptions;
}

/** The options that every command has. */
export interface CommonOptions {
  readonly configPath: string;
  readonly integration: string | undefined;
  readonly output: 'text' | 'json';
  readonly debug: boolean;
}

const DEFAULT_CONFIG = './backstitch.yaml';

/** Adds the common options, and the example that ends the help of every command. */
export function describeCommand(
  command: Command,
  { description, example }: { readonly description: string; readonly example: string },
): Command {
  return command
    .description(description)
    .option('-c, --config <file>', 'configuration file', DEFAULT_CONFIG)
    .option('-i, --integration <name>', 'integration that is meant; not needed where the file has only one')
    .option('--json', 'print JSON, one document a line, and errors as JSON too')
    .option('--debug', 'print stacks and causes of errors; they may hold names and values')
    .addHelpText('after', `\nExample:\n  $ ${example}`);
}

/** Reads the common options of a parsed command. */
export function commonOptions(command: Command): CommonOptions {
  const options = rawOptions(command);
  return {
    configPath: textOption(options, 'config') ?? DEFAULT_CONFIG,
    integration: textOption(options, 'integration'),
    output: options['json'] === true ? 'json' : 'text',
    debug: options['debug'] === true,
  };
}

/** Options as commander parsed them. What was given to a parent command counts too (`reports --json show`), but its defaults never override. */
export function rawOptions(command: Command): Readonly<Record<string, unknown>> {
  const options: Record<string, unknown> = {};
  for (let level: Command | null = command; level !== null; level = level.parent) {
    for (const [name, value] of Object.entries(level.opts<Record<string, unknown>>())) {
      if (!(name in options) || (isDefault(command, name) && !isDefault(level, name))) options[name] = value;
    }
  }
  return options;
}

function isDefault(command: Command, name: string): boolean {
  return command.getOptionValueSource(name) === 'default';
}

export function textOption(options: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

/** Parses the value of an option that takes a count of at least one. */
export function positiveCount(value: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(value)) throw new InvalidArgumentError('It takes a whole number of at least 1.');
  return Number(value);
}

/** Prints one JSON document on one line. */
export async function printJson(context: CommandContext, document: unknown): Promise<void> {
  await context.console.out.write(`${printableJson(document)}\n`);
}

/** The integration that a command is about which takes exactly one. Throws `integration-unknown`, `integration-not-named`. */
function oneIntegration(workspace: Workspace, { integration, configPath }: CommonOptions): string {
  const [only, ...others] = integrationsMeant(workspace, { integration, configPath });
  if (only === undefined || others.length > 0) {
    throw new ReplicationError('integration-not-named', { file: configPath, known: workspace.integrations.join(', ') });
  }
  return only;
}

/** Runs a command over the integration that is named, or over all of them one after the other: what fails for one is printed, and the others follow. */
export async function forEachIntegration(
  context: CommandContext,
  act: (workspace: Workspace, integration: string) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { console, options, interruption } = context;
  await using workspace = await context.openWorkspace({ configPath: options.configPath });
  const names = integrationsMeant(workspace, options);
  const codes: ExitCode[] = [];
  for (const [at, name] of names.entries()) {
    if (interruption.stop.aborted) {
      codes.push(EXIT.stopped);
      break;
    }
    if (at > 0 && options.output === 'text') await console.out.write('\n');
    try {
      codes.push(await act(workspace, name));
    } catch (error) {
      if (error instanceof OutputClosed || interruption.abort.aborted) throw error;
      const about = names.length > 1 ? name : undefined;
      codes.push(
        await printError(console.err, error, { json: options.output === 'json', debug: options.debug, integration: about }),
      );
    }
  }
  return worst(codes);
}

/** Runs a command on exactly one integration. */
export async function withIntegration(
  context: CommandContext,
  act: (workspace: Workspace, integration: string) => Promise<void>,
): Promise<ExitCode> {
  await using workspace = await context.openWorkspace({ configPath: context.options.configPath });
  await act(workspace, oneIntegration(workspace, context.options));
  return EXIT.ok;
}

/** Names of the integrations that a command is about: the one that is given, or all. Throws `integration-unknown`. */
export function integrationsMeant(
  workspace: Pick<Workspace, 'integrations'>,
  { integration, configPath }: Pick<CommonOptions, 'integration' | 'configPath'>,
): readonly string[] {
  if (integration === undefined) return workspace.integrations;
  if (!workspace.integrations.includes(integration)) {
    const known = workspace.integrations.length === 0 ? 'none' : workspace.integrations.join(', ');
    throw new ReplicationError('integration-unknown', { integration, file: configPath, known });
  }
  return [integration];
}
