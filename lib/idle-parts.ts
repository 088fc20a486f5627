import { metrics } from '../functions/contract.ts';
import type { ScheduleConfig } from '../functions/engine/config/config.ts';
import { fireTimes } from '../functions/engine/schedule/fire-times.ts';
import { readsLog } from './integration-alarms.ts';
import { WATCH_MINUTES } from './integration-schedules.ts';
import type { PostgresIntegration } from './postgres-integration.ts';
import type { PostgresReplication } from './postgres-replication.ts';

/** What of a stack is paid for by the month whether or not anything is replicated, as plain numbers. */
export interface IdleNumbers {
  readonly scheduledStartsPerMonth: number;
  readonly alarms: number;
  readonly dashboards: number;
  readonly metrics: number;
  readonly interfaceEndpointZones: number;
  readonly kmsKeys: number;
}

const WEEK_MINUTES = 7 * 24 * 60;
const WEEKS_PER_MONTH = 365.25 / 12 / 7;
/** The alarm of failed jobs is computed from three metrics, and paid for as three. */
const MORE_ALARM_METRICS = 2;
/** That only integrations have that read the log. */
const SLOT_METRICS = 5;

/** Counts what stands and waits. A stack makes no keys and no secrets. */
export function idleNumbers(
  {
    replication,
    integrations,
  }: { readonly replication: PostgresReplication; readonly integrations: readonly PostgresIntegration[] },
  now: Date,
): IdleNumbers {
  const sum = (of: (integration: PostgresIntegration) => number): number =>
    integrations.reduce((total, one) => total + of(one), 0);
  const all = Object.keys(metrics).length;
  return {
    scheduledStartsPerMonth: Math.round(
      WEEKS_PER_MONTH * sum(({ config }) => WEEK_MINUTES / WATCH_MINUTES + startsPerWeek(config.schedule, now)),
    ),
    alarms: sum(({ alarms }) => alarms.length + MORE_ALARM_METRICS),
    dashboards: integrations.length,
    metrics: sum(({ config }) => (readsLog(config) ? all : all - SLOT_METRICS)),
    interfaceEndpointZones: replication.network.interfaceEndpointZones,
    kmsKeys: 0,
  };
}

function startsPerWeek(schedule: ScheduleConfig | undefined, now: Date): number {
  if (schedule === undefined) return 0;
  if (schedule.kind === 'every') return WEEK_MINUTES / schedule.minutes;
  const end = now.getTime() + WEEK_MINUTES * 60_000;
  return fireTimes(schedule, now, WEEK_MINUTES).filter((time) => time.getTime() <= end).length;
}
