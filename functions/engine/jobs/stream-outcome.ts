import type { StreamOutcome } from '../model/stream-state.ts';
import type { JobContext, JobStream } from './job.ts';
import { updateState } from './stream-store.ts';

/** Keeps what a job has to say of a stream, for its report. Writes nothing where there is nothing to say and nothing was said before. */
export async function noteOutcome(
  context: JobContext,
  stream: JobStream,
  outcome: Pick<StreamOutcome, 'error' | 'warnings' | 'nullKeys'> & {
    /** Rows of it are lost to the log from here on: the next job copies it anew. @default false */
    readonly copyAnew?: boolean;
  },
): Promise<void> {
  const isQuiet = outcome.error === null && outcome.warnings.length === 0 && (outcome.nullKeys ?? 0) === 0;
  if (isQuiet && (stream.known?.last ?? null) === null) return;
  const at = context.clock.now().toISOString();
  const { copyAnew = false, ...said } = outcome;
  await updateState(context, stream, (state) => ({
    ...state,
    last: isQuiet ? null : { job: context.lease.job, at, ...said },
    ...(copyAnew ? { resetAt: at } : {}),
  }));
}
