import { writeFile } from 'node:fs/promises';
import { ReplicationError } from '../../engine/model/errors.ts';
import type { JobRecord } from '../../engine/ledger/ledger.ts';
import type { LoadingReport } from '../../engine/model/report.ts';
import { reportPage } from '../../engine/report/html.ts';
import { renderJobList, renderReport } from '../../engine/report/render-report.ts';
import { printable } from '../../engine/report/render-text.ts';
import { jobFacts } from '../../engine/report/status.ts';
import { forEachIntegration, printJson, withIntegration } from '../command.ts';
import type { CommandContext } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { latestJob } from '../latest-job.ts';
import type { Workspace } from '../workspace.ts';

/** Skipped jobs are not drawn: this many records give sixty pictured jobs even where every other schedule was skipped. */
const HISTORY_RECORDS = 120;

/** Lists jobs, newest first. */
export async function listReportsCommand(context: CommandContext, { limit }: { readonly limit: number }): Promise<ExitCode> {
  const { console, interruption, options } = context;
  return forEachIntegration(context, async (workspace, integration) => {
    if (options.output === 'json') {
      for await (const record of workspace.jobs(integration, { limit }, interruption.abort))
        await printJson(context, { integration, ...jobFacts(record), error: record.error ?? null });
      return EXIT.ok;
    }
    const jobs: JobRecord[] = [];
    for await (const record of workspace.jobs(integration, { limit }, interruption.abort)) jobs.push(record);
    const { style } = console.out;
    const list = jobs.length === 0 ? 'No job yet.\n' : renderJobList(jobs.map(jobFacts), style);
    await console.out.write(`${style.bold(printable(integration))}\n${list}`);
    return EXIT.ok;
  });
}

export interface ShowReportOptions {
  /** Absent: the latest one. */
  readonly job: string | undefined;
  /** Writes a page there instead of printing; `-` is standard output. */
  readonly htmlFile: string | undefined;
}

/** Prints one loading report, or makes a page of it. */
export async function showReportCommand(context: CommandContext, { job, htmlFile }: ShowReportOptions): Promise<ExitCode> {
  const { console, interruption, options } = context;
  return withIntegration(context, async (workspace, integration) => {
    const report = await workspace.report(
      integration,
      job ?? (await latestJob(workspace, integration, interruption.abort)),
      interruption.abort,
    );
    if (htmlFile !== undefined) await writePage(context, workspace, { report, htmlFile });
    else if (options.output === 'json') await printJson(context, report);
    else await console.out.write(renderReport(report, console.out.style));
  });
}

async function writePage(
  context: CommandContext,
  workspace: Workspace,
  { report, htmlFile }: { readonly report: LoadingReport; readonly htmlFile: string },
): Promise<void> {
  const { console, clock, interruption, options } = context;
  const history: JobRecord[] = [];
  for await (const record of workspace.jobs(report.integration, { limit: HISTORY_RECORDS }, interruption.abort))
    history.push(record);
  const page = reportPage({ report, history, now: clock.now() });
  if (htmlFile === '-') {
    await console.out.write(page);
    return;
  }
  try {
    await writeFile(htmlFile, page, { signal: interruption.abort });
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unexpected';
    throw new ReplicationError('file-unwritable', { file: htmlFile, reason }, { cause: error });
  }
  if (options.output === 'json') await printJson(context, { integration: report.integration, job: report.job, file: htmlFile });
  else await console.out.write(`Wrote the report of job ${printable(report.job)} to ${printable(htmlFile)}\n`);
}
