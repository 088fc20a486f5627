import { ReplicationError } from '../../../model/errors.ts';
import type { OutputPlugin } from '../../../model/log-change.ts';
import { parseLsn } from '../../../model/lsn.ts';
import type { Lsn } from '../../../model/lsn.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { OpenedSlot, SlotRequest } from '../../log-session.ts';
import type { Connection } from '../connection.ts';
import { identityWarnings } from './identity-warnings.ts';
import { logDialectOf } from './log-dialect.ts';
import { logSettings } from './log-settings.ts';
import type { LogSettings } from './log-settings.ts';
import { existingPlugin, newPlugins, pluginMissing } from './plugin-choice.ts';
import { ensurePublications } from './publication.ts';
import type { EnsuredPublications } from './publication.ts';
import { endedWarning, freeSlot } from './free-slot.ts';
import { checkSlot } from './slot-checks.ts';
import { createSlot } from './slot-create.ts';
import { checkRight, tryToRead } from './slot-rights.ts';
import { hasStandby, slotWarnings } from './slot-warnings.ts';
import { slotState } from './slots.ts';
import type { SlotFacts } from './slots.ts';
import { relationFacts } from './table-facts.ts';
import type { RelationFacts } from './table-facts.ts';

interface Opening {
  readonly connection: Connection;
  readonly request: SlotRequest;
  readonly settings: LogSettings;
  readonly facts: ReadonlyMap<number, RelationFacts>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** See `LogSession.openSlot`. */
export async function openSlot(
  connection: Connection,
  request: SlotRequest,
  clock: Clock,
  signal: AbortSignal,
): Promise<OpenedSlot> {
  checkServer(connection);
  const settings = await logSettings(connection, signal);
  if (settings.walLevel !== 'logical') {
    throw new ReplicationError('wal-level-too-low', { ...connection.endpoint, level: settings.walLevel });
  }
  const facts = await relationFacts(
    connection,
    request.tables.map(({ table }) => table),
    signal,
  );
  const opening = { connection, request, settings, facts, clock, signal };
  const known = await slotState(connection, request.slot, signal);
  const opened = known === undefined ? await openNew(opening) : await openExisting(opening, known);
  // Whoever begins here without a bookmark must not meet changes that the publication is too young for.
  const startLsn =
    opened.ensured?.created === true && !opened.created ? await currentLsn(connection, signal) : opened.slot.confirmedLsn;
  const { hasFailover } = logDialectOf(connection.server);
  return {
    slot: opened.slot,
    plugin: opened.plugin,
    created: opened.created,
    startLsn,
    added: opened.ensured?.added ?? [],
    publicationCreated: opened.ensured?.created ?? false,
    warnings: [
      ...opened.ended.map((job) => endedWarning(request.slot, job)),
      ...slotWarnings(opened.slot, settings, { hasFailover, hasStandby: await hasStandby(connection, signal) }),
    ],
    streamWarnings: identityWarnings(request.tables, facts),
  };
}

/** Throws `primary-needed` on a replica that cannot decode, `server-too-old` before 9.4. */
export function checkServer({ server, endpoint }: Connection): void {
  if (server.version < 90_400)
    throw new ReplicationError('wal-level-too-low', { ...endpoint, level: 'unable to be logical before PostgreSQL 9.4' });
  if (server.inRecovery && !logDialectOf(server).decodesOnReplica) {
    throw new ReplicationError('primary-needed', { ...endpoint, what: 'Log-based replication before PostgreSQL 16' });
  }
}

interface Opened {
  readonly slot: SlotFacts;
  readonly plugin: OutputPlugin;
  readonly created: boolean;
  readonly ensured: EnsuredPublications | undefined;
  /** Jobs whose sessions were ended to have the slot. */
  readonly ended: readonly string[];
}

async function openExisting(opening: Opening, known: SlotFacts): Promise<Opened> {
  const { connection, request, signal } = opening;
  checkSlot(known, connection.database, connection.endpoint);
  const plugin = existingPlugin(question(opening), known.plugin);
  const { slot, ended } = await freeSlot(connection, { slot: request.slot, over: request.over, known }, opening.clock, signal);
  // Somebody who was still creating it is ended, and with him what he had begun.
  if (slot === undefined) {
    const opened = await openNew(opening);
    return { ...opened, ended: [...ended, ...opened.ended] };
  }
  await tryToRead(connection, { name: request.slot, plugin }, signal);
  const ensured =
    plugin === 'pgoutput'
      ? await ensurePublications(connection, { ...request, facts: opening.facts, isNewSlot: false }, signal)
      : undefined;
  return { slot: await required(opening), plugin, created: false, ensured, ended };
}

async function openNew(opening: Opening): Promise<Opened> {
  const { connection, request, settings, signal } = opening;
  const plugins = newPlugins(question(opening));
  if (!request.createSlot) {
    throw new ReplicationError('slot-missing', { slot: request.slot, database: connection.database, plugin: plugins[0] });
  }
  await checkRight(connection, signal);
  for (const plugin of plugins) {
    const ensured =
      plugin === 'pgoutput'
        ? await ensurePublications(connection, { ...request, facts: opening.facts, isNewSlot: true }, signal)
        : undefined;
    const outcome = await createSlot(connection, { name: request.slot, plugin }, settings, { signal });
    if (outcome === 'created') return { slot: await required(opening), plugin, created: true, ensured, ended: [] };
    if (outcome === 'exists') return openExisting(opening, await required(opening));
  }
  throw pluginMissing(plugins[0]);
}

function question({ connection, request, settings }: Opening): Parameters<typeof newPlugins>[0] {
  const { slot, plugin: configured } = request;
  return { slot, database: connection.database, configured, dialect: logDialectOf(connection.server), settings };
}

async function required({ connection, request, signal }: Opening): Promise<SlotFacts> {
  const slot = await slotState(connection, request.slot, signal);
  if (slot !== undefined) return slot;
  const { database } = connection;
  throw new ReplicationError('slot-missing', {
    slot: request.slot,
    database,
    plugin: request.plugin === 'auto' ? 'pgoutput' : request.plugin,
  });
}

async function currentLsn(connection: Connection, signal: AbortSignal): Promise<Lsn> {
  const [row] = await connection.query<{ readonly lsn: string }>(
    `select ${connection.dialect.currentLsn}::text as lsn`,
    [],
    signal,
  );
  if (row === undefined) throw new ReplicationError('unexpected', { what: 'no row about the WAL position' });
  return parseLsn(row.lsn);
}
