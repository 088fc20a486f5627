import type { StreamPlan } from '../plan/plan.ts';
import type { JobContext } from './job.ts';
import { identityOf, updateState } from './stream-store.ts';
import { publishTableInfo } from './table-info.ts';

/** New columns flow in by themselves: the schema of a stream that goes on is published before the first rows that have it. Copies publish theirs when they are complete. */
export async function noteStructures(context: JobContext, plans: readonly StreamPlan[]): Promise<void> {
  for (const plan of plans) {
    if (plan.kind !== 'read-key' && plan.kind !== 'read-log') continue;
    const stream = context.streams.get(plan.stream);
    if (stream === undefined || stream.known?.schemaHash === stream.schemaHash) continue;
    await publishTableInfo(context, stream, plan.version);
    await updateState(context, stream, (state) => ({ ...state, ...identityOf(stream) }));
  }
}
