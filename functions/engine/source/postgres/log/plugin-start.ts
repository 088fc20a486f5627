import type { LogRequest } from '../../log.ts';
import type { DecoderOptions } from './open-decoder.ts';
import { pgoutputOptions } from './pgoutput-options.ts';
import type { PluginOption } from './pgoutput-options.ts';
import { wal2jsonOptions } from './wal2json-options.ts';
import type { LogDialect } from './log-dialect.ts';

/** One way to start a plugin: what it is asked for, and what reads its answer. */
export interface PluginStart {
  readonly options: readonly PluginOption[];
  readonly decoder: DecoderOptions;
}

export interface StartQuestion {
  readonly request: Pick<LogRequest, 'plugin' | 'tables'>;
  /** pgoutput: the publications that exist. */
  readonly publications: readonly string[];
  readonly dialect: Pick<LogDialect, 'hasStreaming'>;
  /** Whether large transactions may come before they are committed: over the replication protocol, as long as there is room to keep them. */
  readonly streaming: 'on' | 'off';
}

/** Ways to start a plugin, the best first: a later one is for a version of wal2json that does not know the options of the one before. Pure. */
export function pluginStarts(question: StartQuestion): readonly [PluginStart, ...PluginStart[]] {
  const { request, publications, dialect, streaming } = question;
  if (request.plugin === 'pgoutput') {
    const asked =
      dialect.hasStreaming && streaming === 'on'
        ? ({ protocol: 2, publications, streaming } as const)
        : ({ protocol: 1, publications } as const);
    return [{ options: pgoutputOptions(asked), decoder: { plugin: 'pgoutput' } }];
  }
  const { tables } = request;
  const start = (format: 1 | 2, numbers: 'bare' | 'strings'): PluginStart => ({
    options: wal2jsonOptions({ format, numbers, tables }),
    decoder: { plugin: 'wal2json', format, numbers, tables },
  });
  return [start(2, 'strings'), start(2, 'bare'), start(1, 'bare')];
}

/** Whether an error says that the plugin does not know an option or a value of one: invalid_parameter_value or feature_not_supported. */
export function isUnknownOption(sqlstate: string | undefined): boolean {
  return sqlstate === '22023' || sqlstate === '0A000';
}
