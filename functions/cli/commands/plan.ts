import { counted, fitTo, humanBytes, humanCount, printable, printableLines, textTable } from '../../engine/report/render-text.ts';
import type { TextStyle } from '../../engine/report/render-text.ts';
import { forEachIntegration, printJson } from '../command.ts';
import type { CommandContext } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { PlannedWork, PlanView } from '../workspace.ts';

/** Prints what a run would do now, and what it would leave out and why. Problems of the selection are a configuration error. */
export async function planCommand(context: CommandContext): Promise<ExitCode> {
  return forEachIntegration(context, async (workspace, integration) => {
    const view = await workspace.plan(integration, context.interruption.abort);
    if (context.options.output === 'json') await printJson(context, view);
    else await context.console.out.write(renderPlan(view, context.console.out.style));
    return (view.problems ?? []).length === 0 ? EXIT.ok : EXIT.usage;
  });
}

function renderPlan(view: PlanView, style: TextStyle): string {
  const units = view.streams.reduce((sum, stream) => sum + stream.units, 0);
  const problems = (view.problems ?? []).map(({ stream, error }) => {
    const where = stream === null ? '' : ` (${printable(stream)})`;
    return `${style.bad(`error ${error.code}`)}${where}: ${printableLines(error.message)}\n${style.bold('remedy')}: ${printableLines(error.remedy)}\n`;
  });
  const parts = [
    `${style.bold(printable(view.integration))}  ${counted(units, 'unit')} for ${counted(view.streams.length, 'stream')}\n`,
    textTable(
      [
        { title: 'Stream' },
        { title: 'Method' },
        { title: 'Work' },
        { title: 'From' },
        { title: 'Units', align: 'right' },
        { title: 'Rows (estimate)', align: 'right' },
        { title: 'Size', align: 'right' },
        { title: 'Destination' },
      ],
      view.streams.map((stream) => [
        stream.stream,
        stream.method,
        workText(stream),
        fitTo(printable(stream.bookmark ?? '-'), 40),
        humanCount(stream.units),
        stream.estimatedRows === null ? '-' : humanCount(stream.estimatedRows),
        humanBytes(stream.bytes),
        stream.destinationTable,
      ]),
      style,
    ),
    textTable(
      [{ title: 'Not replicated' }, { title: 'Reason' }],
      view.skipped.map(({ stream, reason }) => [stream, reason]),
      style,
    ),
    problems.join(''),
    view.warnings.map((warning) => `${style.warn('warning')}: ${printable(warning)}\n`).join(''),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function workText({ action, reason }: PlannedWork): string {
  const what = {
    'start-copy': 'copy',
    'resume-copy': 'go on with the copy',
    'read-key': 'read by key',
    'read-log': 'read the log',
  }[action];
  return reason === null ? what : `${what} (${reason})`;
}
