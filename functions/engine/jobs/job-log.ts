import { createLogger } from '../runtime/logger.ts';
import type { LogEvent, Logger } from '../runtime/logger.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Sink } from '../sink/sink.ts';
import { logKey, logPrefix } from '../plan/key-template.ts';

/** A log of more events than this is kept in several pieces. */
const PIECE_EVENTS = 1_000;
/** Events wait at most this long before they are durable: what a killed job may lose of its log, never of its data. */
const FLUSH_MS = 15_000;

/** The extraction log of one job (or of one worker's part of it), kept in the sink beside the loading report. */
export interface JobLog extends AsyncDisposable {
  readonly log: Logger;
}

/**
 * Collects events under the job that they name and writes them to the sink in pieces. `also` sees each event at once (a terminal, CloudWatch).
 * Never fails a job: a piece that cannot be written is tried again with the next one, and dropped at the end.
 */
export function openJobLog(options: {
  readonly sink: Sink;
  readonly integration: string;
  /** Tells the pieces of several workers apart. */
  readonly writer: string;
  readonly clock: Clock;
  readonly also: (event: LogEvent) => void;
}): JobLog {
  const { sink, integration, writer, clock, also } = options;
  const pending = new Map<string, { piece: number; events: LogEvent[]; dirty: boolean }>();

  const log = createLogger(
    (event) => {
      also(event);
      const job = event.fields['job'];
      if (typeof job !== 'string') return;
      const known = pending.get(job) ?? { piece: 0, events: [], dirty: false };
      known.events.push(event);
      known.dirty = true;
      pending.set(job, known);
    },
    () => clock.now(),
  );

  const flush = async (): Promise<void> => {
    for (const [job, part] of pending) {
      if (!part.dirty) continue;
      part.dirty = false;
      const count = part.events.length;
      const body = Buffer.from(part.events.map((event) => `${JSON.stringify(event)}\n`).join(''));
      try {
        await sink.put(
          logKey({ integration, job, writer, piece: part.piece }),
          body,
          { contentType: 'application/x-ndjson' },
          AbortSignal.timeout(30_000),
        );
      } catch {
        part.dirty = true;
        continue;
      }
      if (count < PIECE_EVENTS) continue;
      part.events.splice(0, count);
      part.piece += 1;
    }
  };

  const ended = new AbortController();
  const flushing = (async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await clock.sleep(FLUSH_MS, ended.signal).catch(() => undefined);
      await flush();
    }
  })();
  return {
    log,
    [Symbol.asyncDispose]: async () => {
      ended.abort();
      await flushing;
    },
  };
}

/** The events of a job, oldest first; of several workers, merged by their clocks. Reads the pieces there are: of a running job what is durable so far. */
export async function* readJobLog(
  sink: Sink,
  place: { readonly integration: string; readonly job: string },
  signal: AbortSignal,
): AsyncGenerator<LogEvent> {
  const events: LogEvent[] = [];
  for await (const { key } of sink.list(logPrefix(place), signal)) {
    const body = await sink.read(key, signal);
    for (const line of (body ?? Buffer.alloc(0)).toString('utf8').split('\n')) {
      if (line !== '') events.push(JSON.parse(line) as LogEvent);
    }
  }
  yield* events.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}
