import { AREAS } from '../../engine/check/finding.ts';
import type { Area, CheckReport, Finding, Severity } from '../../engine/check/finding.ts';
import { counted, printable, printableLines, textTable } from '../../engine/report/render-text.ts';
import type { TextStyle } from '../../engine/report/render-text.ts';
import { forEachIntegration, printJson } from '../command.ts';
import type { CommandContext } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';

/** Prints everything that can stop a job or hurt the source, each with its fix. Ends well only if a job can run. */
export async function checkCommand(context: CommandContext): Promise<ExitCode> {
  return forEachIntegration(context, async (workspace, integration) => {
    const report = await workspace.check(integration, context.interruption.abort);
    if (context.options.output === 'json') await printJson(context, report);
    else await context.console.out.write(renderCheck(report, context.console.out.style));
    return exitCodeOf(report);
  });
}

/** A configuration that has to be changed counts as such, as in every other command. */
function exitCodeOf({ ok, findings }: CheckReport): ExitCode {
  if (ok) return EXIT.ok;
  return findings.some(({ severity, fix }) => severity === 'error' && fix.kind === 'config') ? EXIT.usage : EXIT.failed;
}

const TITLES: Readonly<Record<Area, string>> = {
  connection: 'Connection',
  server: 'Server',
  privileges: 'Privileges',
  selection: 'Selection',
  log: 'Log',
  tables: 'Tables',
  destination: 'Destination',
  state: 'State store',
};

function renderCheck(report: CheckReport, style: TextStyle): string {
  const { findings } = report;
  const summary = textTable(
    [
      { title: 'Checked' },
      { title: 'Errors', align: 'right' },
      { title: 'Warnings', align: 'right' },
      { title: 'Notes', align: 'right' },
    ],
    AREAS.map((area) => areaRow(area, report, style)),
    style,
  );
  const sections = AREAS.flatMap((area) => {
    const own = findings.filter((finding) => finding.area === area);
    return own.length === 0
      ? []
      : [`${style.bold(TITLES[area])}\n${own.map((finding) => renderFinding(finding, style)).join('')}`];
  });
  return [headLine(report, style), summary, ...sections, verdict(report, style)].join('\n');
}

function headLine({ integration, server, streams }: CheckReport, style: TextStyle): string {
  const replica = server?.inRecovery === true ? ', a replica' : '';
  const what = server === null ? 'not reached' : `PostgreSQL ${printable(server.version)} (${server.flavour}${replica})`;
  const methods = (['FULL_TABLE', 'INCREMENTAL', 'LOG_BASED'] as const).filter((method) => streams[method] > 0);
  const list = methods.map((method) => `${String(streams[method])} ${method}`).join(', ');
  return `${style.bold(printable(integration))}  ${what}${list === '' ? '' : `, ${list}`}\n`;
}

function areaRow(
  area: Area,
  { findings, server }: CheckReport,
  style: TextStyle,
): readonly (string | { readonly text: string; readonly mark: (text: string) => string })[] {
  const own = findings.filter((finding) => finding.area === area);
  // What lies behind a connection that failed was not looked at.
  if (server === null && NEEDS_SERVER.has(area)) return [TITLES[area], '-', '-', '-'];
  const cell = (severity: Severity): { readonly text: string; readonly mark: (text: string) => string } => {
    const count = own.filter((finding) => finding.severity === severity).length;
    return { text: String(count), mark: count === 0 ? style.dim : markOf(severity, style) };
  };
  return [TITLES[area], cell('error'), cell('warning'), cell('info')];
}

const NEEDS_SERVER: ReadonlySet<Area> = new Set<Area>(['server', 'privileges', 'selection', 'log', 'tables']);

function renderFinding({ severity, code, what, where, why, fix }: Finding, style: TextStyle): string {
  const lines = printableLines(fix.text).split('\n');
  const label = `fix (${fix.kind})`;
  const body =
    lines.length === 1
      ? [`    ${style.bold(label)}: ${lines[0] ?? ''}`]
      : [`    ${style.bold(label)}:`, ...lines.map((line) => `      ${line}`)];
  return [
    `  ${markOf(severity, style)(severity)} ${code}  ${style.dim(printable(where))}`,
    `    ${printableLines(what)}`,
    `    ${style.dim(printableLines(why))}`,
    ...body,
    '',
  ].join('\n');
}

function markOf(severity: Severity, style: TextStyle): (text: string) => string {
  return { error: style.bad, warning: style.warn, info: style.dim }[severity];
}

function verdict({ ok, findings }: CheckReport, style: TextStyle): string {
  const count = (severity: Severity): number => findings.filter((finding) => finding.severity === severity).length;
  const rest = count('warning') === 0 ? '' : `; ${counted(count('warning'), 'warning')}`;
  return ok
    ? `${style.good('A job can run')}${rest}.\n`
    : `${style.bad('No job can run')}: ${counted(count('error'), 'error')}${rest}. "backstitch setup-sql" prints the whole script.\n`;
}
