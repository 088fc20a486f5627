import type { LogRequest } from '../../log.ts';
import type { DecoderOptions } from './open-decoder.ts';
import { pgoutputOptions } from './pgoutput-options.ts';
import type { PluginOption } from './pgoutput-options.ts';
import type { TypeOids } from './settled-types.ts';
import { wal2jsonOptions } from './wal2json-options.ts';
import type { LogDialect } from './log-dialect.ts';

/** One way to start a plugin: what it is asked for, and what reads its answer. */
export interface PluginStart {
  readonly options: readonly PluginOption[];
  readonly decoder: DecoderOptions;
  /** A statement that the session runs before; only where a session of the replication protocol takes SQL (10+). */
  readonly prepare?: string;
}

/**
 * Less than the default of 64 MB, since the server streams nothing before so much is decoded: a large transaction then begins to arrive in a quarter of the time, and the server
 * needs less memory. A smaller setting of the user's stays. https://www.postgresql.org/docs/current/runtime-config-resource.html#GUC-LOGICAL-DECODING-WORK-MEM
 */
const STREAM_SOONER = `select pg_catalog.set_config(name, '16MB', false) from pg_catalog.pg_settings
  where name = 'logical_decoding_work_mem' and setting::int > 16384`;

export interface StartQuestion {
  readonly request: Pick<LogRequest, 'plugin' | 'tables'>;
  /** pgoutput: the publications that exist. */
  readonly publications: readonly string[];
  readonly dialect: Pick<LogDialect, 'hasStreaming'>;
  /** Whether large transactions may come before they are committed: over the replication protocol, as long as there is room to keep them. */
  readonly streaming: 'on' | 'off';
  /** wal2json: see `settledTypes`. */
  readonly typeOids: TypeOids;
}

/** Ways to start a plugin, the best first: a later one is for a version of wal2json that does not know the options of the one before. Pure. */
export function pluginStarts(question: StartQuestion): readonly [PluginStart, ...PluginStart[]] {
  const { request, publications, dialect, streaming, typeOids } = question;
  if (request.plugin === 'pgoutput') {
    if (!dialect.hasStreaming || streaming === 'off')
      return [{ options: pgoutputOptions({ protocol: 1, publications }), decoder: { plugin: 'pgoutput' } }];
    const options = pgoutputOptions({ protocol: 2, publications, streaming });
    return [{ options, decoder: { plugin: 'pgoutput' }, prepare: STREAM_SOONER }];
  }
  const { tables } = request;
  const start = (format: 1 | 2, numbers: 'bare' | 'strings'): PluginStart => ({
    options: wal2jsonOptions({ format, numbers, tables, typeOids }),
    decoder: { plugin: 'wal2json', format, numbers, tables },
  });
  return [start(2, 'strings'), start(2, 'bare'), start(1, 'bare')];
}

/** Whether an error says that the plugin does not know an option or a value of one: invalid_parameter_value or feature_not_supported. */
export function isUnknownOption(sqlstate: string | undefined): boolean {
  return sqlstate === '22023' || sqlstate === '0A000';
}
