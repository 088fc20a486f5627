import { printable } from '../../engine/report/render-text.ts';
import type { LogEvent, LogLevel } from '../../engine/runtime/logger.ts';
import { printJson, withIntegration } from '../command.ts';
import type { CommandContext } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { latestJob } from '../latest-job.ts';

export const LOG_LEVELS: readonly LogLevel[] = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'];

export interface LogsOptions {
  /** Absent: the latest one. */
  readonly job: string | undefined;
  /** The least level that is printed. */
  readonly level: LogLevel;
}

/** Prints the extraction log of a job, event by event. */
export async function logsCommand(context: CommandContext, { job, level }: LogsOptions): Promise<ExitCode> {
  const { console, interruption, options } = context;
  return withIntegration(context, async (workspace, integration) => {
    const which = job ?? (await latestJob(workspace, integration, interruption.abort));
    for await (const event of workspace.logs(integration, which, interruption.abort)) {
      if (LOG_LEVELS.indexOf(event.level) < LOG_LEVELS.indexOf(level)) continue;
      if (options.output === 'json') await printJson(context, event);
      else await console.out.write(`${logLine(event)}\n`);
    }
  });
}

/** One event in the form of Stitch's extraction logs: `2017-11-17 16:44:41,159Z  engine - INFO message key=value`. */
export function logLine({ at, level, event, fields }: LogEvent): string {
  const time = at.replace('T', ' ').replace(/\.(\d+)Z$/, ',$1Z');
  const pairs = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [` ${name}=${fieldText(value)}`]));
  return printable(`${time}  engine - ${level} ${event}${pairs.join('')}`);
}

function fieldText(value: string | number | boolean | null): string {
  if (typeof value !== 'string') return String(value);
  return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}
