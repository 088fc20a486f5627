import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { ReplicationError } from '../model/errors.ts';
import { handoverKey } from '../plan/key-template.ts';
import type { Sink } from '../sink/sink.ts';
import type { SelectionFacts } from './engine.ts';
import type { JobStream } from './job.ts';

/** What a job that began tells those who go on with it elsewhere: its workers, and whoever writes its report. Its units and bookmarks are in the ledger. */
export interface Handover {
  readonly job: string;
  readonly trigger: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** ISO 8601: the job ends at its next checkpoint after this. */
  readonly endBy: string;
  /** How many workers can be busy at once. */
  readonly parallel: number;
  /** As planned; `known` is as it was when the job began. */
  readonly streams: ReadonlyMap<string, JobStream>;
  readonly selection: SelectionFacts;
}

interface Place {
  readonly integration: string;
  readonly job: string;
}

/** Format of the file, so that a worker of another release refuses it rather than misreads it. */
const FORMAT = 1;
const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** Puts the handover of a job into the sink, beside its logs: structure of any number of tables, no values. */
export async function saveHandover(
  sink: Sink,
  place: Pick<Place, 'integration'>,
  handover: Handover,
  signal: AbortSignal,
): Promise<void> {
  const { job, streams, selection, ...rest } = handover;
  const { skipped, warnings, problems } = selection;
  const errors = problems.map(({ stream, error: { code, message, remedy } }) => ({ stream, error: { code, message, remedy } }));
  const file = {
    format: FORMAT,
    job,
    ...rest,
    streams: [...streams.values()],
    selection: { skipped, warnings, problems: errors },
  };
  const body = await compress(Buffer.from(JSON.stringify(file)), { level: 1 });
  await sink.put(handoverKey({ ...place, job }), body, { contentType: 'application/gzip' }, signal);
}

/** Reads it. Throws `handover-missing` where there is none, or none that this release understands. */
export async function readHandover(sink: Sink, place: Place, signal: AbortSignal): Promise<Handover> {
  const key = handoverKey(place);
  const refuse = (reason: string, cause?: unknown): ReplicationError<'handover-missing'> =>
    new ReplicationError('handover-missing', { job: place.job, where: sink.nameOf(key), reason }, { cause });
  const body = await sink.read(key, signal);
  if (body === undefined) throw refuse('there is no such object');
  let file: unknown;
  try {
    file = JSON.parse((await decompress(body)).toString('utf8'));
  } catch (cause) {
    throw refuse('it is not compressed JSON', cause);
  }
  if (!isFile(file)) throw refuse(`it is not of format ${String(FORMAT)}`);
  if (file.job !== place.job) throw refuse('it is of another job');
  const { trigger, startedAt, endBy, parallel, streams, selection } = file;
  return {
    job: file.job,
    trigger,
    startedAt,
    endBy,
    parallel,
    selection,
    streams: new Map(streams.map((stream) => [stream.id, stream])),
  };
}

/** Removes it: nobody needs it once the report is written. */
export async function removeHandover(sink: Sink, place: Place, signal: AbortSignal): Promise<void> {
  await sink.remove([handoverKey(place)], signal);
}

type HandoverFile = Omit<Handover, 'streams'> & { readonly streams: readonly JobStream[] };

function isFile(value: unknown): value is HandoverFile {
  if (!isObject(value) || value['format'] !== FORMAT) return false;
  const { selection, streams } = value;
  return (
    ['job', 'trigger', 'startedAt', 'endBy'].every((name) => typeof value[name] === 'string') &&
    typeof value['parallel'] === 'number' &&
    isObject(selection) &&
    ['skipped', 'warnings', 'problems'].every((name) => Array.isArray(selection[name])) &&
    Array.isArray(streams) &&
    streams.every(isStream)
  );
}

function isStream(value: unknown): boolean {
  return (
    isObject(value) &&
    ['id', 'method', 'destinationTable', 'schemaHash'].every((name) => typeof value[name] === 'string') &&
    ['primaryKey', 'columns', 'warnings'].every((name) => Array.isArray(value[name])) &&
    isObject(value['table']) &&
    isObject(value['lookBack']) &&
    'known' in value
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
