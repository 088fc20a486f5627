import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openLocal } from '../../../functions/local.ts';
import type { ErrorReport } from '../../../functions/engine/model/errors.ts';
import type { LoadingReport } from '../../../functions/engine/model/report.ts';
import { systemClock } from '../../../functions/engine/runtime/clock.ts';
import type { LogEvent } from '../../../functions/engine/runtime/logger.ts';
import { runMain } from '../../cli/run-main.ts';
import type { TestWorkspace } from '../../support/workspace.ts';

/** What became of `backstitch run --json`. */
export interface Attempt {
  readonly exitCode: number;
  /** Of the job, or of the command where no job began. */
  readonly error: ErrorReport | undefined;
  readonly report: LoadingReport | undefined;
  readonly events: readonly LogEvent[];
  /** Everything that anybody could read of it: output, errors, events. */
  readonly said: string;
}

/** Runs the command line on a workspace's configuration file, with the engine that it has in real life. */
export async function attemptRun(
  workspace: Pick<TestWorkspace, 'configPath'>,
  env: Readonly<Record<string, string>> = {},
): Promise<Attempt> {
  const events: LogEvent[] = [];
  const { code, out, err } = await runMain(['run', '--json', '--config', workspace.configPath], {
    clock: systemClock,
    openWorkspace: ({ configPath }) => openLocal({ configPath, env, onLog: (event) => events.push(event) }),
  });
  const report = out === '' ? undefined : (JSON.parse(out) as { readonly report?: LoadingReport }).report;
  const printed = err === '' ? undefined : (JSON.parse(err) as { readonly error: ErrorReport }).error;
  return { exitCode: code, error: report?.error ?? printed, report, events, said: `${out}${err}${JSON.stringify(events)}` };
}

/** Names of all files of the destination but reports and logs. */
export async function objectsOf({ folder }: Pick<TestWorkspace, 'folder'>): Promise<readonly string[]> {
  return (await filesBelow(join(folder, 'out'))).filter((path) => !/\/_(reports|logs)\//.test(path));
}

/** Everything that was written to destination and state, as one text. */
export async function writtenText({ folder }: Pick<TestWorkspace, 'folder'>): Promise<string> {
  const files = [...(await filesBelow(join(folder, 'out'))), ...(await filesBelow(join(folder, 'state')))];
  return (await Promise.all(files.map((file) => readFile(file, 'utf8')))).join('\n');
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
