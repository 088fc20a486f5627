import { asUnexpected, errorReport } from '../engine/model/errors.ts';
import { printableJson, printableLines } from '../engine/report/render-text.ts';
import type { Output } from './console.ts';
import { exitCodeOfError } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';

export interface ErrorStyle {
  readonly json: boolean;
  /** Prints the stacks and causes too; they may hold names and values. */
  readonly debug: boolean;
  /** Which integration it is about, where a command covers several. */
  readonly integration?: string | undefined;
}

/** Prints anything thrown, for people or for machines, and gives the exit code that it means. Writes nothing but names, counts and codes unless debugging. */
export async function printError(err: Output, thrown: unknown, { json, debug, integration }: ErrorStyle): Promise<ExitCode> {
  const error = asUnexpected(thrown);
  const { code, message, remedy } = errorReport(error);
  if (json) {
    await err.write(
      `${printableJson({ error: { code, message, remedy, ...(integration === undefined ? {} : { integration }) } })}\n`,
    );
  } else {
    const where = integration === undefined ? '' : ` (${integration})`;
    const { bad, bold } = err.style;
    await err.write(
      `${bad(`error ${code}`)}${printableLines(where)}: ${printableLines(message)}\n${bold('remedy')}: ${printableLines(remedy)}\n`,
    );
    if (code === 'unexpected' && !debug) await err.write('Run the command again with --debug to see where it comes from.\n');
  }
  if (debug) await err.write(`${stacks(thrown)}\n`);
  return exitCodeOfError(code);
}

/** The stack of an error and of what caused it. */
function stacks(thrown: unknown): string {
  const parts: string[] = [];
  const seen = new Set<unknown>();
  for (let error = thrown; error !== undefined && !seen.has(error); error = error instanceof Error ? error.cause : undefined) {
    seen.add(error);
    parts.push(printableLines(error instanceof Error ? (error.stack ?? error.message) : typeof error));
  }
  return parts.join('\ncaused by: ');
}
