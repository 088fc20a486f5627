import type { CostEstimate } from '../model/report.ts';
import { HOURS_PER_MONTH, PRICES } from './prices.ts';
import type { Spending } from './spending.ts';

/** What a job loaded. */
export interface Loaded {
  readonly rows: number;
  /** Before compression. */
  readonly jsonBytes: number;
  /** As stored. */
  readonly storedBytes: number;
  /** On the event bus. */
  readonly events: number;
}

const BYTES_PER_GIB = 2 ** 30;

/** What a job cost about. Pure; prices of {@link PRICES}. */
export function estimateCost(spent: Spending, loaded: Loaded): CostEstimate {
  const { lambda, stepFunctions, dynamodb, s3, eventBridge } = PRICES;
  const parts = {
    lambda: dollars(spent.gbSeconds * lambda.gbSecond + spent.invocations * lambda.request),
    stepFunctions: dollars(spent.transitions * stepFunctions.transition),
    dynamodb: dollars(spent.readUnits * dynamodb.readUnit + spent.writeUnits * dynamodb.writeUnit),
    s3: dollars(spent.puts * s3.put + spent.gets * s3.get),
    eventBridge: dollars(loaded.events * eventBridge.event),
  };
  const total = dollars(parts.lambda + parts.stepFunctions + parts.dynamodb + parts.s3 + parts.eventBridge);
  return {
    currency: 'USD',
    total,
    perMillionRows: loaded.rows === 0 ? null : dollars((total / loaded.rows) * 1e6),
    perGigabyte: loaded.jsonBytes === 0 ? null : dollars((total / loaded.jsonBytes) * 1e9),
    parts,
    storagePerMonth: dollars((loaded.storedBytes / BYTES_PER_GIB) * s3.gbMonth),
    prices: `${PRICES.region} ${PRICES.date}`,
  };
}

/** What of an integration is paid for whether or not anything is replicated. */
export interface IdleParts {
  /** Starts of jobs and of the watchdog by schedules, a month. */
  readonly scheduledStartsPerMonth: number;
  readonly alarms: number;
  readonly dashboards: number;
  /** Custom metrics that get values. */
  readonly metrics: number;
  /** Interface endpoints times their availability zones. */
  readonly interfaceEndpointZones: number;
  /** Customer managed keys that the stack makes. */
  readonly kmsKeys: number;
  /** Secrets that the stack makes. @default 0 */
  readonly secrets?: number;
}

/** One line of the monthly floor. */
export interface IdleCostLine {
  readonly what: string;
  readonly quantity: number;
  /** US dollars a month. */
  readonly perMonth: number;
}

/** The monthly floor of a stack, in US dollars: what stands and waits. What jobs use comes on top: see {@link estimateCost}. Pure. */
export function idleMonthlyCost(parts: IdleParts): {
  readonly total: number;
  readonly lines: readonly IdleCostLine[];
  readonly prices: string;
} {
  const { scheduler, cloudwatch, privateLink, kms, secretsManager } = PRICES;
  const line = (what: string, quantity: number, price: number): IdleCostLine => ({
    what,
    quantity,
    perMonth: dollars(quantity * price),
  });
  const lines = [
    line('scheduled starts', parts.scheduledStartsPerMonth, scheduler.invocation),
    line('alarms', parts.alarms, cloudwatch.alarmMonth),
    line('dashboards', parts.dashboards, cloudwatch.dashboardMonth),
    line('metrics', parts.metrics, cloudwatch.metricMonth),
    line('interface endpoints by zone', parts.interfaceEndpointZones, privateLink.endpointHour * HOURS_PER_MONTH),
    line('KMS keys', parts.kmsKeys, kms.keyMonth),
    line('secrets', parts.secrets ?? 0, secretsManager.secretMonth),
  ].filter(({ quantity }) => quantity > 0);
  const total = dollars(lines.reduce((sum, { perMonth }) => sum + perMonth, 0));
  return { total, lines, prices: `${PRICES.region} ${PRICES.date}` };
}

/** Rounded to a millionth of a dollar, so that sums print as sums. */
function dollars(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
