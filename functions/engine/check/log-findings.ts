import type { IntegrationConfig } from '../config/config.ts';
import type { ServerFacts } from '../source/check-facts.ts';
import type { Finding } from './finding.ts';
import { some } from './finding.ts';
import type { LogDatabase } from './log-plan.ts';
import { isPluginAllowed } from './log-plan.ts';
import { parameterFix, replicationRightSql, walLevelFix } from './parameter-fix.ts';
import { duration, milliseconds } from './server-findings.ts';
import { slotFindings } from './slot-findings.ts';
import { identifier } from './sql-text.ts';

export interface LogCase {
  readonly server: ServerFacts;
  readonly address: string;
  readonly integration: IntegrationConfig;
  readonly databases: readonly LogDatabase[];
}

/** What stands between the log and its reader: versions, rights, parameters, slots. Pure. */
export function logFindings(given: LogCase): readonly Finding[] {
  const unable = unableServer(given);
  if (unable !== undefined) return [unable];
  return [
    ...rightFindings(given),
    ...roomFindings(given),
    ...pluginFindings(given),
    ...budgetFindings(given),
    ...slotFindings(given),
  ];
}

function unableServer({ server, address }: LogCase): Finding | undefined {
  const base = { severity: 'error', area: 'log', where: address, why: 'No log-based stream can be read.' } as const;
  if (server.version < 90_400) {
    const fix = { kind: 'config', text: 'method: INCREMENTAL or FULL_TABLE' } as const;
    return {
      ...base,
      code: 'server-too-old',
      what: `PostgreSQL ${server.versionText} has no logical decoding; it came with 9.4.`,
      fix,
    };
  }
  if (server.inRecovery && server.version < 160_000) {
    const fix = { kind: 'config', text: 'connection.host: the primary server (on Aurora the writer endpoint)' } as const;
    return {
      ...base,
      code: 'primary-needed',
      what: `This is a replica, and PostgreSQL ${server.versionText} decodes the log on the primary only.`,
      fix,
    };
  }
  return undefined;
}

function rightFindings({ server, address }: LogCase): readonly Finding[] {
  const { role, flavour } = server;
  const findings: Finding[] = [];
  const level = server.settings['wal_level']?.value ?? 'unknown';
  if (level !== 'logical') {
    findings.push({
      severity: 'error',
      code: 'wal-level-too-low',
      area: 'log',
      what: `wal_level is ${level}; log-based replication needs logical.`,
      where: address,
      why: 'The server does not write what changed in a form that can be decoded.',
      fix: walLevelFix(flavour),
    });
  }
  const mayReplicate = role.isSuperuser || role.hasReplication || role.hasRdsReplication;
  if (!mayReplicate) {
    findings.push({
      severity: 'error',
      code: 'replication-right-missing',
      area: 'privileges',
      what: `"${role.name}" may not use replication slots.`,
      where: address,
      why: 'Neither can a slot be created nor read.',
      fix: { kind: 'sql', text: replicationRightSql(identifier(role.name), flavour) },
    });
  }
  return findings;
}

/** Slots and connections that must be free before the next job. */
function roomFindings({ server, address, integration, databases }: LogCase): readonly Finding[] {
  const restart = { flavour: server.flavour, takesEffect: 'at-restart' } as const;
  const findings: Finding[] = [];
  const maxSlots = Number(server.settings['max_replication_slots']?.value ?? 0);
  const missing = databases.filter(({ slot }) => slot === undefined).length;
  if (missing > maxSlots - server.slots.length) {
    findings.push({
      severity: 'error',
      code: 'slots-exhausted',
      area: 'log',
      what: `${String(missing)} slot(s) have to be created, and ${String(server.slots.length)} of ${String(maxSlots)} are in use: ${some(server.slots.map(({ name }) => name))}.`,
      where: address,
      why: 'The slot cannot be created.',
      fix: parameterFix('max_replication_slots', String(server.slots.length + missing + 5), restart),
    });
  }
  const { consume } = integration.logBased;
  if (server.isPooled && consume !== 'peek') {
    findings.push({
      severity: consume === 'stream' ? 'error' : 'warning',
      code: 'stream-refused',
      area: 'log',
      what: 'A pooler (such as PgBouncer or RDS Proxy) stands before the server, which takes no replication connections.',
      where: address,
      why:
        consume === 'stream'
          ? 'The log cannot be streamed.'
          : 'The log cannot be streamed, and is peeked at instead, which is slower.',
      fix: { kind: 'config', text: 'connection: { host: <the server itself>, port: 5432 }' },
    });
  }
  const maxSenders = Number(server.settings['max_wal_senders']?.value ?? 0);
  if (consume !== 'peek' && server.senders >= maxSenders) {
    findings.push({
      severity: consume === 'stream' ? 'error' : 'warning',
      code: 'senders-exhausted',
      area: 'log',
      what: `All ${String(maxSenders)} replication connections (max_wal_senders) are in use.`,
      where: address,
      why:
        consume === 'stream'
          ? 'The log cannot be streamed.'
          : 'The log cannot be streamed, and is peeked at instead, which is slower.',
      fix: parameterFix('max_wal_senders', String(maxSenders + 5), restart),
    });
  }
  return findings;
}

function pluginFindings({ server, address, integration, databases }: LogCase): readonly Finding[] {
  const wanted = new Set(databases.map(({ plugin }) => plugin));
  const findings: Finding[] = [];
  for (const plugin of ['wal2json', 'pgoutput'] as const) {
    if (!wanted.has(plugin)) continue;
    if (plugin === 'pgoutput' && server.version < 100_000) {
      findings.push({
        severity: 'error',
        code: 'plugin-missing',
        area: 'log',
        what: `PostgreSQL ${server.versionText} has no pgoutput; it came with 10.`,
        where: address,
        why: 'The slot cannot be created.',
        fix: { kind: 'config', text: 'logBased: { plugin: wal2json }   # and install wal2json on the server' },
      });
    }
    if (isPluginAllowed(server, plugin)) continue;
    const allowed = server.settings['output_plugin_libraries']?.value ?? '';
    findings.push({
      severity: 'error',
      code: 'plugin-not-allowed',
      area: 'log',
      what: `The server does not allow the output plugin ${plugin}: output_plugin_libraries is ${allowed === '' ? 'empty' : allowed}.`,
      where: address,
      why: 'A slot with this plugin can neither be created nor read; minor releases of August 2026 brought the list.',
      fix: parameterFix('output_plugin_libraries', [allowed, plugin].filter((name) => name !== '').join(', '), {
        flavour: server.flavour,
        takesEffect: 'at-reload',
      }),
    });
  }
  const unproven = databases.some(({ plugin, slot }) => plugin === 'wal2json' && slot === undefined);
  if (unproven && isPluginAllowed(server, 'wal2json')) {
    findings.push({
      severity: 'info',
      code: 'plugin-unproven',
      area: 'log',
      what: 'Whether the server has the library of wal2json shows only when a slot is made with it.',
      where: address,
      why: 'If it has not, the first job says so, and copies nothing.',
      fix:
        integration.logBased.plugin === 'wal2json' && server.version >= 100_000
          ? { kind: 'config', text: 'logBased: { plugin: auto }   # takes pgoutput where wal2json is missing' }
          : { kind: 'command', text: 'apt-get install postgresql-<version>-wal2json (RDS, Aurora, Cloud SQL and Azure have it)' },
    });
  }
  return findings;
}

/** What may happen to the disk of the server, and to slots that wait between two jobs. */
function budgetFindings({ server, address, integration }: LogCase): readonly Finding[] {
  const reload = { flavour: server.flavour, takesEffect: 'at-reload' } as const;
  const findings: Finding[] = [];
  const keep = server.settings['max_slot_wal_keep_size'];
  if (keep === undefined || Number(keep.value) < 0) {
    findings.push({
      severity: keep === undefined ? 'info' : 'warning',
      code: 'slot-without-limit',
      area: 'log',
      what:
        keep === undefined
          ? 'This version cannot limit the WAL that slots hold back.'
          : 'max_slot_wal_keep_size is not set: slots hold back WAL without a limit.',
      where: address,
      why: 'If no job runs for a long time, the disk of the server fills up, and the server stops.',
      fix:
        keep === undefined
          ? { kind: 'command', text: 'Watch the free space of the server; drop the slot if jobs are to stay off.' }
          : parameterFix('max_slot_wal_keep_size', '50GB', reload),
    });
  }
  const idleMs = milliseconds(server.settings['idle_replication_slot_timeout']) ?? 0;
  const intervalMs = integration.schedule?.kind === 'every' ? integration.schedule.minutes * 60_000 : undefined;
  if (idleMs > 0 && (intervalMs === undefined || idleMs < 2 * intervalMs)) {
    findings.push({
      severity: intervalMs !== undefined && idleMs <= intervalMs ? 'error' : 'warning',
      code: 'slot-idle-timeout',
      area: 'log',
      what: `idle_replication_slot_timeout is ${duration(idleMs / 1000)}${intervalMs === undefined ? '' : `, and a job runs every ${duration(intervalMs / 1000)}`}.`,
      where: address,
      why: 'A slot that nobody reads for so long is lost, and all its tables have to be copied anew.',
      fix: parameterFix('idle_replication_slot_timeout', '0', reload),
    });
  }
  return findings;
}
