import type { ReplicationMethod } from '../model/stream.ts';
import type { ServerFacts, ServerSetting } from '../source/check-facts.ts';
import type { Finding } from './finding.ts';
import { parameterFix } from './parameter-fix.ts';
import { identifier, literal } from './sql-text.ts';

export interface ServerCase {
  readonly server: ServerFacts;
  readonly address: string;
  /** Methods of the selected streams. */
  readonly methods: ReadonlySet<ReplicationMethod>;
  /** Most connections of this integration at a time. */
  readonly connections: number;
}

/** Past the end of the support by the PostgreSQL project: https://www.postgresql.org/support/versioning/ */
const OLDEST_SUPPORTED = 140_000;
/** Beyond it, signatures of AWS begin to be refused, and time keys and reports mislead. */
const MAX_SKEW_MS = 60_000;
const LONG_TRANSACTION_S = 600;
/** A read that takes longer than this is cancelled sooner or later on a replica that may not wait. */
const SHORT_DELAY_MS = 30 * 60_000;

/** What is wrong with the server as a whole, whatever is selected. Pure. */
export function serverFindings(given: ServerCase): readonly Finding[] {
  return [
    ...versionFindings(given),
    ...clockFindings(given),
    ...limitFindings(given),
    ...transactionFindings(given),
    ...replicaFindings(given),
  ];
}

function versionFindings({ server, address }: ServerCase): readonly Finding[] {
  if (server.version >= OLDEST_SUPPORTED) return [];
  return [
    {
      severity: 'info',
      code: 'server-unsupported',
      area: 'server',
      what: `PostgreSQL ${server.versionText} gets no more fixes from its project.`,
      where: address,
      why: 'Defects of replication that were found since stay in it.',
      fix: { kind: 'command', text: 'Upgrade the server when it suits; nothing has to change here.' },
    },
  ];
}

function clockFindings({ server, address }: ServerCase): readonly Finding[] {
  const { clockSkewMs, roundTripMs } = server;
  if (Math.abs(clockSkewMs) - roundTripMs / 2 < MAX_SKEW_MS) return [];
  return [
    {
      severity: 'warning',
      code: 'clock-skew',
      area: 'server',
      what: `The clock of the server is ${String(Math.round(Math.abs(clockSkewMs) / 1000))} s ${clockSkewMs > 0 ? 'ahead of' : 'behind'} the one here.`,
      where: address,
      why: 'Requests to AWS are refused when the clock here is wrong by five minutes, and times in reports mislead.',
      fix: { kind: 'command', text: 'Let both machines take their time from NTP: timedatectl set-ntp true' },
    },
  ];
}

function limitFindings({ server, connections, address }: ServerCase): readonly Finding[] {
  const { name, connectionLimit, isSuperuser } = server.role;
  if (isSuperuser || connectionLimit < 0 || connectionLimit >= connections) return [];
  return [
    {
      severity: 'error',
      code: 'too-many-connections',
      area: 'server',
      what: `"${name}" may open ${String(connectionLimit)} connections at a time, and the integration uses ${String(connections)}.`,
      where: address,
      why: 'Jobs fail as soon as all workers are busy.',
      fix: { kind: 'sql', text: `alter role ${identifier(name)} connection limit ${String(connections)};` },
    },
  ];
}

function transactionFindings({ server, methods, address }: ServerCase): readonly Finding[] {
  const { transactions: open, role } = server;
  const findings: Finding[] = [];
  const why = methods.has('LOG_BASED')
    ? 'A slot cannot be created before it ends, and it holds back the bookmark of time keys.'
    : 'It holds back the bookmark of time keys, and VACUUM.';
  if ((open.oldestSeconds ?? 0) >= LONG_TRANSACTION_S && open.oldestPid !== null) {
    findings.push({
      severity: 'warning',
      code: 'transaction-open',
      area: 'server',
      what: `A transaction has been open for ${duration(open.oldestSeconds ?? 0)} (pid ${String(open.oldestPid)}).`,
      where: address,
      why,
      fix: { kind: 'sql', text: `select pg_catalog.pg_terminate_backend(${String(open.oldestPid)});` },
    });
  }
  if ((open.oldestPreparedSeconds ?? 0) >= LONG_TRANSACTION_S && open.oldestPreparedGid !== null) {
    findings.push({
      severity: 'warning',
      code: 'transaction-prepared',
      area: 'server',
      what: `${String(open.prepared)} prepared transaction(s) wait for their end, the oldest for ${duration(open.oldestPreparedSeconds ?? 0)}.`,
      where: address,
      why,
      fix: { kind: 'sql', text: `rollback prepared ${literal(open.oldestPreparedGid)};` },
    });
  }
  if (!role.readsAllStats && server.version >= 100_000 && methods.has('INCREMENTAL')) {
    findings.push({
      severity: 'warning',
      code: 'transactions-hidden',
      area: 'privileges',
      what: `"${role.name}" cannot see the transactions of other roles.`,
      where: address,
      why: 'Key-based replication cannot wait for open transactions, and misses rows that they commit with an older key.',
      fix: { kind: 'sql', text: `grant pg_read_all_stats to ${identifier(role.name)};` },
    });
  }
  return findings;
}

function replicaFindings({ server, methods, address }: ServerCase): readonly Finding[] {
  if (!server.inRecovery) return [];
  const reload = { flavour: server.flavour, takesEffect: 'at-reload' } as const;
  const feedback = server.settings['hot_standby_feedback']?.value === 'on';
  const findings: Finding[] = [];
  if (!feedback) {
    findings.push({
      severity: 'warning',
      code: 'standby-feedback-off',
      area: 'server',
      what: 'This is a replica, and hot_standby_feedback is off.',
      where: address,
      why: methods.has('LOG_BASED')
        ? 'VACUUM on the primary cancels long reads here, and can make a slot of a replica useless.'
        : 'VACUUM on the primary removes rows that a long read still needs, and the read is cancelled.',
      fix: parameterFix('hot_standby_feedback', 'on', reload),
    });
  }
  for (const name of ['max_standby_streaming_delay', 'max_standby_archive_delay'] as const) {
    const delayMs = milliseconds(server.settings[name]);
    if (delayMs === undefined || delayMs < 0 || delayMs >= SHORT_DELAY_MS) continue;
    findings.push({
      severity: feedback ? 'info' : 'warning',
      code: `standby-${name.split('_')[2] ?? ''}-delay-short`,
      area: 'server',
      what: `This is a replica, and ${name} is ${duration(delayMs / 1000)}.`,
      where: address,
      why: 'A read that is in the way of recovery for longer is cancelled: long copies start again and again.',
      fix: parameterFix(name, '8h', reload),
    });
  }
  return findings;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration of `pg_settings` in milliseconds; negative ones mean what they mean to the server. */
export function milliseconds(setting: ServerSetting | undefined): number | undefined {
  if (setting === undefined) return undefined;
  const value = Number(setting.value);
  return value < 0 ? value : value * (UNIT_MS[setting.unit ?? 'ms'] ?? 1);
}

/** Whole units, for people. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${String(Math.round(seconds))} s`;
  if (seconds < 7200) return `${String(Math.round(seconds / 60))} min`;
  return `${String(Math.round(seconds / 3600))} h`;
}
