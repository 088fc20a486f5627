import { loadConfig } from '../../engine/config/load.ts';
import type { ScheduleConfig } from '../../engine/config/config.ts';
import { ReplicationError } from '../../engine/model/errors.ts';
import { printable } from '../../engine/report/render-text.ts';
import { dividesDay, fireTimes } from '../../engine/schedule/fire-times.ts';
import { printJson } from '../command.ts';
import type { CommandContext } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';

const SHOWN_TIMES = 5;

/** Prints when jobs start next, as the AWS app schedules them. Reads the file only. */
export async function scheduleCommand(context: CommandContext): Promise<ExitCode> {
  const { console, clock, options, interruption } = context;
  const { config } = await loadConfig(options.configPath, interruption.abort);
  const meant = config.integrations.filter(({ name }) => options.integration === undefined || options.integration === name);
  if (meant.length === 0) {
    const known = config.integrations.map(({ name }) => name).join(', ');
    throw new ReplicationError('integration-unknown', {
      integration: options.integration ?? '',
      file: options.configPath,
      known,
    });
  }
  for (const { name, schedule } of meant) {
    const times = schedule === undefined ? [] : fireTimes(schedule, clock.now(), SHOWN_TIMES).map((time) => time.toISOString());
    if (options.output === 'json') {
      await printJson(context, { integration: name, schedule: schedule ?? null, next: times });
    } else {
      const lines = [`${console.out.style.bold(printable(name))} ${describe(schedule)}`, ...times.map((time) => `  ${time}`)];
      await console.out.write(`${lines.join('\n')}\n`);
    }
  }
  return EXIT.ok;
}

function describe(schedule: ScheduleConfig | undefined): string {
  if (schedule === undefined) return 'starts by hand only.';
  if (schedule.kind === 'cron') return `starts by ${printable(schedule.expression)} in ${schedule.timezone}, next in UTC:`;
  const every = `starts every ${String(schedule.minutes)} minutes`;
  if (schedule.anchor !== undefined) return `${every} on the grid of ${schedule.anchor}, next:`;
  return dividesDay(schedule.minutes)
    ? `${every} on the grid of the day in UTC, next:`
    : `${every} from its deployment on; if that were now:`;
}
