import { CommanderError } from 'commander';
import type { Command } from 'commander';
import { ReplicationError } from '../engine/model/errors.ts';
import type { Clock } from '../engine/runtime/clock.ts';
import { commonOptions } from './command.ts';
import { OutputClosed } from './console.ts';
import type { Console } from './console.ts';
import { EXIT } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import { printError } from './print-error.ts';
import type { ErrorStyle } from './print-error.ts';
import { buildProgram } from './program.ts';
import type { Carry } from './program.ts';
import { watchSignals } from './signals.ts';
import type { SignalSource } from './signals.ts';
import type { CreateSshKey, OpenWorkspace, RunDemo, StartExecution } from './workspace.ts';

/** What the command line needs from its process. */
export interface MainOptions {
  readonly version: string;
  readonly console: Console;
  readonly signals: SignalSource;
  readonly clock: Clock;
  readonly openWorkspace: OpenWorkspace;
  readonly runDemo: RunDemo;
  readonly createSshKey: CreateSshKey;
  readonly startExecution: StartExecution;
}

/** Parses arguments (without node and script), carries out the command and gives its exit code. Never throws: every error is printed. */
export async function main(args: readonly string[], options: MainOptions): Promise<ExitCode> {
  const { version, console, signals, clock, openWorkspace, runDemo, createSshKey, startExecution } = options;
  let code: ExitCode = EXIT.ok;
  const carry: Carry = async (command, first, act) => {
    using interruption = watchSignals(signals, { first, now: () => clock.now().getTime() });
    try {
      code = await act({
        console,
        clock,
        openWorkspace,
        runDemo,
        createSshKey,
        startExecution,
        interruption,
        options: commonOptions(command),
      });
      // After an abort whatever came out is no answer to what was asked.
      if (interruption.abort.aborted) code = interruption.exitCode ?? code;
    } catch (error) {
      if (!interruption.abort.aborted || error instanceof OutputClosed) throw error;
      await console.err.write('Interrupted.\n');
      code = interruption.exitCode ?? EXIT.failed;
    }
  };

  const program = buildProgram({ version, carry });
  const printed = collectOutput(program);
  const style: ErrorStyle = { json: args.includes('--json'), debug: args.includes('--debug') };
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    try {
      if (!(error instanceof CommanderError))
        return error instanceof OutputClosed ? EXIT.ok : await printError(console.err, error, style);
      return await endOfParsing(console, { error, printed, style });
    } catch (second) {
      // Nobody reads standard error either: the exit code is all that is left to say.
      if (second instanceof OutputClosed) return EXIT.failed;
      throw second;
    }
  }
}

interface Printed {
  out: string;
  err: string;
  /** The command whose help a wrong call is referred to. */
  command: string;
}

/** Keeps what commander prints until it can be written with back-pressure, and makes it throw instead of ending the process. */
function collectOutput(program: Command): Printed {
  const printed: Printed = { out: '', err: '', command: 'backstitch' };
  const configure = (command: Command, path: string): void => {
    command.exitOverride((error) => {
      printed.command = path;
      throw error;
    });
    command.configureOutput({
      writeOut: (text) => (printed.out += text),
      writeErr: (text) => (printed.err += text),
      outputError: () => undefined,
    });
    for (const child of command.commands) configure(child, `${path} ${child.name()}`);
  };
  configure(program, program.name());
  return printed;
}

async function endOfParsing(
  console: Console,
  { error, printed, style }: { readonly error: CommanderError; readonly printed: Printed; readonly style: ErrorStyle },
): Promise<ExitCode> {
  if (error.exitCode === 0) {
    await console.out.write(printed.out);
    return EXIT.ok;
  }
  if (error.code === 'commander.help') {
    // No command was given: commander prints the help as an error.
    await console.err.write(printed.err);
    return EXIT.usage;
  }
  const problem = sentence(error.message.replace(/^error: /, ''));
  return printError(console.err, new ReplicationError('usage', { problem, help: `${printed.command} --help` }), style);
}

/** `unknown option '--x'\n(Did you mean --y?)` as one sentence. */
function sentence(message: string): string {
  const text = message.replaceAll('\n', ' ').trim();
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!)]$/.test(text) ? '' : '.'}`;
}
