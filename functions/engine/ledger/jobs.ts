import { parseItem, readAs, removeAlways, update } from './items.ts';
import type { Shelf } from './items.ts';
import { encodePart, JOB_PREFIXES, jobIn, keys } from './keys.ts';
import type { JobRecord } from './ledger.ts';
import { isJobRecord } from './shapes.ts';
import { failpoint } from '../runtime/failpoints.ts';

/** Items removed at once. */
const REMOVED_AT_ONCE = 16;

/** The record of a job. */
export async function readJob(shelf: Shelf, job: string): Promise<JobRecord | undefined> {
  return (await readAs(shelf, keys.job(job), isJobRecord))?.value;
}

/** Applies a change to the record of a job, retrying on conflict. */
export async function updateJob(
  shelf: Shelf,
  job: string,
  change: (now: JobRecord | undefined) => JobRecord,
): Promise<JobRecord> {
  await failpoint('job.record.before');
  const record = await update<JobRecord, JobRecord>(shelf, keys.job(job), {
    shape: isJobRecord,
    what: `the record of job ${job}`,
    change: (now) => {
      const next = change(now);
      return { write: next, result: next };
    },
  });
  await failpoint('job.record.after');
  return record;
}

/** Records of jobs, newest first. */
export async function* listJobs(
  shelf: Shelf,
  { limit, before }: { readonly limit?: number; readonly before?: string },
): AsyncIterable<JobRecord> {
  const query = {
    prefix: 'job#',
    descending: true,
    ...(limit === undefined ? {} : { limit }),
    ...(before === undefined ? {} : { after: keys.job(before) }),
  };
  for await (const item of shelf.store.list(shelf.integration, query)) yield parseItem(shelf, item, isJobRecord);
}

/** Removes everything of jobs before a job. A job's record goes last: killed in the middle, the next call finds the job again. Returns how many jobs. */
export async function forgetJobsBefore(shelf: Shelf, job: string): Promise<number> {
  const end = encodePart(job);
  let jobs = 0;
  for (const prefix of JOB_PREFIXES) {
    let batch: Promise<void>[] = [];
    for await (const item of shelf.store.list(shelf.integration, { prefix })) {
      if (encodePart(jobIn(item.id)) >= end) break;
      if (prefix === 'job#') jobs += 1;
      batch.push(removeAlways(shelf, item));
      if (batch.length < REMOVED_AT_ONCE) continue;
      await Promise.all(batch);
      batch = [];
    }
    await Promise.all(batch);
  }
  return jobs;
}
