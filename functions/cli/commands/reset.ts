import { ReplicationError } from '../../engine/model/errors.ts';
import { firstFew } from '../../engine/report/render-report.ts';
import { counted, printable } from '../../engine/report/render-text.ts';
import { printJson, withIntegration } from '../command.ts';
import type { CommandContext } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';

export interface ResetOptions {
  /** Absent: the whole integration. */
  readonly table: string | undefined;
  readonly confirmation: 'ask' | 'given';
}

/** Forgets bookmarks, so that the next job copies anew. Asks first. Throws `confirmation-needed` where nobody can be asked. */
export async function resetCommand(context: CommandContext, { table, confirmation }: ResetOptions): Promise<ExitCode> {
  const { console, interruption, options } = context;
  return withIntegration(context, async (workspace, integration) => {
    const what =
      table === undefined ? `all tables of ${printable(integration)}` : `${printable(table)} of ${printable(integration)}`;
    if (confirmation === 'ask' && !(await isConfirmed(context, what))) {
      await console.err.write('Nothing was changed.\n');
      return;
    }
    const { streams } = await workspace.reset(integration, table === undefined ? {} : { table }, interruption.abort);
    if (options.output === 'json') await printJson(context, { integration, streams });
    else if (streams.length === 0) await console.out.write('Nothing to reset: the next job begins with a fresh copy anyway.\n');
    else
      await console.out.write(
        `Reset ${counted(streams.length, 'stream')}: ${firstFew(streams.map(printable))}. The next job begins a fresh copy.\n`,
      );
  });
}

async function isConfirmed({ console, interruption }: CommandContext, what: string): Promise<boolean> {
  const question = `This forgets where the replication of ${what} stands: the next job copies from the beginning.\nObjects, reports and replication slots stay as they are. Go on? [y/N] `;
  const answer = await console.ask(question, interruption.abort);
  if (answer === undefined) throw new ReplicationError('confirmation-needed', { what: `A reset of ${what}` });
  return /^\s*y(es)?\s*$/i.test(answer);
}
