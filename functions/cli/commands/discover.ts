import type { Catalog, Table } from '../../engine/model/catalog.ts';
import { streamId } from '../../engine/model/stream.ts';
import { counted, fitTo, humanBytes, humanCount, printable, textTable } from '../../engine/report/render-text.ts';
import type { TextStyle } from '../../engine/report/render-text.ts';
import { forEachIntegration, printJson } from '../command.ts';
import type { CommandContext } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';

/** Prints what the source has and the role may read: a table, or a Singer catalog. */
export async function discoverCommand(context: CommandContext): Promise<ExitCode> {
  return forEachIntegration(context, async (workspace, integration) => {
    const { catalog, singer } = await workspace.discover(integration, context.interruption.abort);
    if (context.options.output === 'json') await printJson(context, singer);
    else await context.console.out.write(renderCatalog(integration, catalog, context.console.out.style));
    return EXIT.ok;
  });
}

function renderCatalog(integration: string, catalog: Catalog, style: TextStyle): string {
  const tables = catalog.databases.flatMap((database) => (database.state === 'read' ? database.tables : []));
  const replica = catalog.server.inRecovery ? ', a replica' : '';
  const head = `${style.bold(printable(integration))}  PostgreSQL ${serverVersion(catalog.server.version)}${replica}, ${counted(tables.length, 'table')}\n`;
  const unreachable = catalog.databases.flatMap((database) =>
    database.state === 'unreachable'
      ? [`${style.warn('warning')}: database ${printable(database.name)} was left out: ${printable(database.message)}\n`]
      : [],
  );
  const list = textTable(
    [
      { title: 'Stream' },
      { title: 'Kind' },
      { title: 'Rows (estimate)', align: 'right' },
      { title: 'Size', align: 'right' },
      { title: 'Columns', align: 'right' },
      { title: 'Primary key' },
    ],
    tables.map((table) => [
      streamId(table.name),
      kindText(table),
      table.estimatedRows === undefined ? '-' : humanCount(table.estimatedRows),
      table.bytes === 0 && table.storage.length === 0 ? '-' : humanBytes(table.bytes),
      String(table.columns.length),
      fitTo(printable(table.primaryKey.length === 0 ? '-' : table.primaryKey.join(', ')), 60),
    ]),
    style,
  );
  return [head, ...unreachable, ...(list === '' ? [] : ['\n', list])].join('');
}

function kindText(table: Table): string {
  const kind = table.kind.replaceAll('-', ' ');
  return table.rowSecurity ? `${kind}, row security` : kind;
}

/** `150018` is 15.18, `90603` is 9.6.3: three parts before PostgreSQL 10, two since. */
function serverVersion(version: number): string {
  const major = Math.floor(version / 10_000);
  return major >= 10 ? `${major}.${version % 10_000}` : `${major}.${Math.floor(version / 100) % 100}.${version % 100}`;
}
