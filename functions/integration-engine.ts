import { connectionWarnings } from './connection-warnings.ts';
import type { Config, DestinationConfig, IntegrationConfig } from './engine/config/config.ts';
import { schemaHash } from './engine/encode/json-schema.ts';
import type { Engine, SelectedStreams } from './engine/jobs/engine.ts';
import type { JobSettings } from './engine/jobs/job.ts';
import type { ProgressListener } from './engine/jobs/progress.ts';
import type { Ledger } from './engine/ledger/ledger.ts';
import type { Catalog } from './engine/model/catalog.ts';
import { select } from './engine/plan/select.ts';
import type { Clock } from './engine/runtime/clock.ts';
import type { Logger } from './engine/runtime/logger.ts';
import type { Compression } from './engine/sink/compress.ts';
import type { Sink } from './engine/sink/sink.ts';
import { openSource } from './open-source.ts';
import type { ReadSecret } from './open-source.ts';

/** A lease outlives this much silence of its holder; renewals come three times as often. */
const LEASE_TTL_MS = 60_000;
const STOP_GRACE_MS = 20_000;
const WINDOW_ROWS = 5_000_000;
const RETRY_DELAYS_MS = [1_000, 5_000, 15_000, 30_000] as const;
const REPORT_RETENTION_DAYS = 60;

/** Times and sizes that depend on where a job runs. */
export type EngineLimits = Pick<JobSettings, 'leaseTtlMs' | 'stopGraceMs' | 'windowRows'>;

/** The engine of one integration: everything that its jobs need, chosen by the configuration. Reads TLS material; connects to nothing. */
export async function engineOf(
  config: Config,
  integration: IntegrationConfig,
  parts: {
    readonly ledger: Ledger;
    readonly sink: Sink;
    readonly readSecret: ReadSecret;
    readonly clock: Clock;
    readonly log: Logger;
    readonly progress: ProgressListener;
    /** What differs where processes live for minutes only. @default as it suits one long process */
    readonly limits?: Partial<EngineLimits>;
  },
): Promise<Engine> {
  const { readSecret, limits, ...rest } = parts;
  return {
    ...rest,
    settings: { ...settingsOf(config.destination, integration), ...limits },
    openSource: (job) => openSource(integration, { job, readSecret }),
    select: (catalog) => selectedStreams(catalog, integration, config.destination),
    random: Math.random,
  };
}

function settingsOf(destination: DestinationConfig, integration: IntegrationConfig): JobSettings {
  return {
    integration: integration.name,
    workers: integration.connections,
    pressure: integration.pressure,
    rangeBytes: integration.rangeBytes,
    rotateBytes: destination.rotateBytes,
    windowRows: WINDOW_ROWS,
    compression: compressionOf(destination),
    ...(destination.keyTemplate === undefined ? {} : { keyTemplate: destination.keyTemplate }),
    jsonColumns: destination.jsonColumns,
    profile: destination.profile,
    logBased: integration.logBased,
    leaseTtlMs: LEASE_TTL_MS,
    stopGraceMs: STOP_GRACE_MS,
    retryDelaysMs: RETRY_DELAYS_MS,
    reportRetentionDays: REPORT_RETENTION_DAYS,
  };
}

function compressionOf(destination: DestinationConfig): Compression {
  return destination.compression === 'gzip' ? { kind: 'gzip', level: destination.gzipLevel } : { kind: destination.compression };
}

/** What a configuration selects from a catalog, in the form that jobs take. */
export function selectedStreams(
  catalog: Catalog,
  integration: IntegrationConfig,
  destination: DestinationConfig,
): SelectedStreams {
  const selection = select(catalog, integration, { profile: destination.profile });
  return {
    streams: selection.streams.map((stream) => ({
      id: stream.id,
      method: stream.method,
      replicationKey: stream.replicationKey ?? null,
      primaryKey: stream.primaryKey,
      schemaHash: schemaHash(stream.columns, { jsonColumns: destination.jsonColumns, profile: destination.profile }),
      isView: stream.table.kind === 'view' || stream.table.kind === 'materialized-view',
      bytes: stream.table.bytes,
      table: stream.table,
      columns: stream.columns,
      destinationTable: stream.destinationTable,
      lookBack: stream.lookBack,
      warnings: stream.warnings,
    })),
    skipped: selection.skipped,
    problems: selection.problems,
    warnings: [...connectionWarnings(integration.connection), ...selection.warnings],
  };
}
