import type { Lsn } from '../../../model/lsn.ts';
import { parseLsn } from '../../../model/lsn.ts';
import { ReplicationError } from '../../../model/errors.ts';
import type { TimelineTrace } from '../../log-session.ts';
import type { Link } from '../link.ts';

const WHERE = { phase: 'session' } as const;

/**
 * Asks a server how its history goes on from a timeline, by `IDENTIFY_SYSTEM` and `TIMELINE_HISTORY`, which every role that may replicate can ask:
 * https://www.postgresql.org/docs/current/protocol-replication.html. Throws as the link maps it.
 */
export async function traceTimeline(link: Link, timeline: number, signal: AbortSignal): Promise<TimelineTrace> {
  const [system] = await link.query<{ readonly timeline: string }>('IDENTIFY_SYSTEM', [], signal, WHERE);
  const now = Number(system?.timeline);
  if (!Number.isInteger(now)) throw new ReplicationError('unexpected', { what: 'a server that does not say its timeline' });
  if (now === timeline) return { state: 'same', now };
  const history = await link.query<{ readonly content: string }>(`TIMELINE_HISTORY ${String(now)}`, [], signal, WHERE);
  const leftAt = endOfTimeline(history[0]?.content ?? '', timeline);
  return leftAt === undefined ? { state: 'elsewhere', now } : { state: 'left', now, at: leftAt };
}

/**
 * Where a history left a timeline; undefined if it was never on it. A line of the file is `<timeline> <position> <reason>`, of every timeline before its own
 * (`readTimeLineHistory`, src/backend/access/transam/timeline.c).
 */
export function endOfTimeline(history: string, timeline: number): Lsn | undefined {
  for (const line of history.split('\n')) {
    const [, id, position] = /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/.exec(line) ?? [];
    if (position !== undefined && Number(id) === timeline) return parseLsn(position);
  }
  return undefined;
}
