import { ReplicationError } from '../engine/model/errors.ts';
import type { Workspace } from './workspace.ts';

/** A busy or paused integration may have recorded many skipped jobs since the last one that ran. */
const RECORDS_SEARCHED = 1000;

/** The last job that ran, the running one included. Throws `no-job-yet`. */
export async function latestJob(workspace: Workspace, integration: string, signal: AbortSignal): Promise<string> {
  for await (const record of workspace.jobs(integration, { limit: RECORDS_SEARCHED }, signal)) {
    if (record.state !== 'skipped') return record.job;
  }
  throw new ReplicationError('no-job-yet', { integration });
}
