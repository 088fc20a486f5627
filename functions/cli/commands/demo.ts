import { renderReport } from '../../engine/report/render-report.ts';
import { printableLines } from '../../engine/report/render-text.ts';
import { printJson } from '../command.ts';
import type { CommandContext } from '../command.ts';
import { exitCodeOfRun, EXIT, worst } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { showProgress } from '../progress.ts';
import type { DemoOutcome } from '../workspace.ts';
import { announceStop } from './run.ts';

export interface DemoOptions {
  readonly directory: string;
  /** `postgres://` URL of the user's own database. */
  readonly source: string | undefined;
}

/** Replicates a sample shop, or the user's own database, into a folder, and ends with how to look at it. */
export async function demoCommand(context: CommandContext, { directory, source }: DemoOptions): Promise<ExitCode> {
  const { options, interruption, console } = context;
  const outcome = await playDemo(context, { directory, source });
  if (options.output === 'json') await printJson(context, outcome);
  else await console.out.write(renderDemo(context, outcome));
  const code = worst(outcome.reports.map((report) => exitCodeOfRun({ state: 'finished', report })));
  return code === EXIT.stopped ? (interruption.exitCode ?? code) : code;
}

async function playDemo(context: CommandContext, { directory, source }: DemoOptions): Promise<DemoOutcome> {
  const { console, clock, interruption, options, runDemo } = context;
  const isJson = options.output === 'json';
  await using display = showProgress({
    title: 'demo',
    preparation: 'preparing',
    err: console.err,
    clock,
    mode: isJson ? 'quiet' : 'shown',
  });
  using _ = announceStop(context, display);
  return await runDemo({
    directory,
    ...(source === undefined ? {} : { source }),
    say: (line) => display.say(isJson ? console.err : console.out, `${printableLines(line)}\n`),
    progress: display.listener,
    stop: interruption.stop,
    abort: interruption.abort,
  });
}

function renderDemo({ console }: CommandContext, outcome: DemoOutcome): string {
  const { style } = console.out;
  const reports = outcome.reports.map((report) => `\n${renderReport(report, style)}`).join('');
  const commands = outcome.lookInto.map((line) => `  ${printableLines(line)}\n`).join('');
  return [
    reports,
    `\n${style.bold('The files are in')} ${printableLines(outcome.output)}\n`,
    commands === '' ? '' : `${style.bold('Look into them with')}\n${commands}`,
    `${style.bold('Go on with')}\n  backstitch status --config ${printableLines(outcome.configPath)}\n`,
  ].join('');
}
