import type { LogRequest } from '../../log.ts';
import type { Connection } from '../connection.ts';
import { logDialectOf } from './log-dialect.ts';
import { pluginStarts } from './plugin-start.ts';
import type { PluginStart, StartQuestion } from './plugin-start.ts';
import { publicationNames } from './publication.ts';
import { settledTypes } from './settled-types.ts';

/** Asks the server for what {@link pluginStarts} decides by. `sql`: an ordinary session in the slot's database. */
export async function waysToStart(
  sql: Connection,
  request: LogRequest,
  streaming: StartQuestion['streaming'],
  signal: AbortSignal,
): Promise<readonly [PluginStart, ...PluginStart[]]> {
  const isPgoutput = request.plugin === 'pgoutput';
  return pluginStarts({
    request,
    publications: isPgoutput ? await publicationNames(sql, request.publication, signal) : [],
    dialect: logDialectOf(sql.server),
    streaming,
    typeOids: isPgoutput ? 'wanted' : await settledTypes(sql, request, signal),
  });
}
