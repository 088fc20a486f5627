import type { ServerFacts, SlotSummary } from '../source/check-facts.ts';
import type { Finding } from './finding.ts';
import type { LogCase } from './log-findings.ts';
import type { LogDatabase } from './log-plan.ts';
import { parameterFix } from './parameter-fix.ts';
import { literal } from './sql-text.ts';

/** Each slot as the next job will find it. Pure. */
export function slotFindings({ server, integration, databases }: LogCase): readonly Finding[] {
  return databases.flatMap((database) => {
    const { slot } = database;
    if (slot !== undefined) return existingSlot(slot, database, server, integration.logBased.plugin);
    const first = databases[0];
    if (first !== undefined && first !== database && first.slotName === database.slotName) return [sharedSlot(database, first)];
    return integration.logBased.createSlot ? [] : [missingSlot(database)];
  });
}

function missingSlot({ facts, slotName, plugin }: LogDatabase): Finding {
  const library = plugin === 'open' ? 'pgoutput' : plugin;
  return {
    severity: 'error',
    code: 'slot-missing',
    area: 'log',
    what: `There is no replication slot "${slotName}", and the configuration says that it is not to be created (createSlot: false).`,
    where: facts.name,
    why: 'The log can be read only from a slot on.',
    fix: {
      kind: 'sql',
      text: `select pg_catalog.pg_create_logical_replication_slot(${literal(slotName)}, ${literal(library)});`,
    },
  };
}

function sharedSlot({ facts, slotName }: LogDatabase, first: LogDatabase): Finding {
  return {
    severity: 'error',
    code: 'slot-of-other-database',
    area: 'log',
    what: `The slot "${slotName}" is for "${first.facts.name}" already: a slot reads one database.`,
    where: facts.name,
    why: 'Its log-based tables cannot be read.',
    fix: { kind: 'config', text: 'logBased.slot: leave it out, and each database gets a slot of its own' },
  };
}

function existingSlot(slot: SlotSummary, database: LogDatabase, server: ServerFacts, configured: string): readonly Finding[] {
  const { facts } = database;
  const base = { severity: 'error', area: 'log', where: `${facts.name}, slot ${slot.name}` } as const;
  const another = { kind: 'config', text: 'logBased.slot: another name; a missing slot is created' } as const;
  if (slot.kind === 'physical')
    return [
      {
        ...base,
        code: 'slot-physical',
        what: `The slot "${slot.name}" is a physical one.`,
        why: 'No changes can be read from it.',
        fix: another,
      },
    ];
  if (slot.database !== facts.name)
    return [
      {
        ...base,
        code: 'slot-of-other-database',
        what: `The slot "${slot.name}" belongs to the database "${slot.database ?? ''}".`,
        why: 'A slot reads one database.',
        fix: another,
      },
    ];
  if (slot.isTemporary)
    return [
      {
        ...base,
        code: 'slot-temporary',
        what: `The slot "${slot.name}" is a temporary one.`,
        why: 'It ends with the session that made it.',
        fix: another,
      },
    ];
  if (slot.isSynced)
    return [
      {
        ...base,
        code: 'primary-needed',
        what: `The slot "${slot.name}" is kept here for a failover.`,
        why: 'Nobody may read it on a replica.',
        fix: { kind: 'config', text: 'connection.host: the primary server' },
      },
    ];
  const isReadable = slot.plugin === 'wal2json' || slot.plugin === 'pgoutput';
  if (!isReadable || (configured !== 'auto' && configured !== slot.plugin))
    return [
      {
        ...base,
        code: 'slot-of-other-plugin',
        what: `The slot "${slot.name}" uses the output plugin ${slot.plugin ?? 'none'}, not ${configured === 'auto' ? 'wal2json or pgoutput' : configured}.`,
        why: 'A slot keeps its plugin for ever.',
        fix: isReadable ? { kind: 'config', text: `logBased: { plugin: ${slot.plugin} }   # or another slot` } : another,
      },
    ];
  if (slot.walStatus === 'lost' || slot.invalidationReason !== null) return [lostSlot(slot, database)];
  return [...busySlot(slot, database), ...nearLoss(slot, database, server)];
}

function lostSlot(slot: SlotSummary, { facts }: LogDatabase): Finding {
  return {
    severity: 'error',
    code: 'slot-lost',
    area: 'log',
    what: `The slot "${slot.name}" is lost (${slot.invalidationReason ?? 'wal_status is lost'}).`,
    where: `${facts.name}, slot ${slot.name}`,
    why: 'The server has removed WAL that it needed; changes since are gone. After the fix run "backstitch reset": the next job copies the tables anew.',
    fix: { kind: 'sql', text: `select pg_catalog.pg_drop_replication_slot(${literal(slot.name)});` },
  };
}

function busySlot(slot: SlotSummary, { facts }: LogDatabase): readonly Finding[] {
  if (!slot.isActive) return [];
  return [
    {
      severity: 'warning',
      code: 'slot-active',
      area: 'log',
      what: `The slot "${slot.name}" is being read now.`,
      where: `${facts.name}, slot ${slot.name}`,
      why: 'If that is not a job of this integration, the two take changes away from each other.',
      fix: {
        kind: 'sql',
        text: `select pg_catalog.pg_terminate_backend(active_pid) from pg_catalog.pg_replication_slots where slot_name = ${literal(slot.name)};`,
      },
    },
  ];
}

function nearLoss(slot: SlotSummary, { facts }: LogDatabase, server: ServerFacts): readonly Finding[] {
  const limitMb = Number(server.settings['max_slot_wal_keep_size']?.value ?? -1);
  const isLow = slot.safeBytes !== null && limitMb > 0 && slot.safeBytes < (BigInt(limitMb) * 1_048_576n) / 5n;
  if (slot.walStatus !== 'unreserved' && !isLow) return [];
  return [
    {
      severity: 'warning',
      code: 'slot-near-loss',
      area: 'log',
      what: `The slot "${slot.name}" holds back ${megabytes(slot.retainedBytes)} of WAL; ${megabytes(slot.safeBytes)} more, and it is lost.`,
      where: `${facts.name}, slot ${slot.name}`,
      why: 'A lost slot means that all log-based tables are copied anew: run a job now.',
      fix: parameterFix('max_slot_wal_keep_size', `${String(Math.max(1024, limitMb * 2))}MB`, {
        flavour: server.flavour,
        takesEffect: 'at-reload',
      }),
    },
  ];
}

function megabytes(bytes: bigint | null): string {
  return bytes === null ? 'an unknown amount' : `${String((bytes < 0n ? 0n : bytes) / 1_000_000n)} MB`;
}
