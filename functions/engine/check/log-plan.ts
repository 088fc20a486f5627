import { allowsPlugin } from '../model/plugin-libraries.ts';
import type { IntegrationConfig } from '../config/config.ts';
import type { SelectedStream } from '../plan/select.ts';
import { defaultSlotName } from '../plan/slot-name.ts';
import type { ReadDatabase, RelationFacts, ServerFacts, SlotSummary, SourceFacts } from '../source/check-facts.ts';

/** One database with log-based streams, and what its slot is or will be. */
export interface LogDatabase {
  readonly facts: ReadDatabase;
  /** Log-based streams with what is known of their tables. */
  readonly streams: readonly { readonly stream: SelectedStream; readonly relation: RelationFacts }[];
  readonly slotName: string;
  readonly slot: SlotSummary | undefined;
  /** `open`: there is no slot, and whether the server can load wal2json shows only when one is made. */
  readonly plugin: 'wal2json' | 'pgoutput' | 'open';
}

/** Groups the log-based streams by database. Pure. */
export function logDatabases(
  facts: SourceFacts,
  streams: readonly SelectedStream[],
  integration: IntegrationConfig,
): readonly LogDatabase[] {
  return facts.databases.flatMap((database) => {
    if (database.state === 'unreachable') return [];
    const byOid = new Map(database.relations.map((relation) => [relation.oid, relation]));
    const own = streams.flatMap((stream) => {
      if (stream.method !== 'LOG_BASED' || stream.table.name.database !== database.name) return [];
      const relation = byOid.get(stream.table.oid);
      return relation === undefined ? [] : [{ stream, relation }];
    });
    if (own.length === 0) return [];
    const slotName = integration.logBased.slot ?? defaultSlotName(database.name);
    const slot = facts.server.slots.find(({ name }) => name === slotName);
    return [{ facts: database, streams: own, slotName, slot, plugin: pluginOf(facts.server, slot, integration) }];
  });
}

function pluginOf(server: ServerFacts, slot: SlotSummary | undefined, { logBased }: IntegrationConfig): LogDatabase['plugin'] {
  if (slot?.plugin === 'wal2json' || slot?.plugin === 'pgoutput') return slot.plugin;
  if (logBased.plugin !== 'auto') return logBased.plugin;
  if (server.version < 100_000) return 'wal2json';
  if (!isPluginAllowed(server, 'wal2json')) return 'pgoutput';
  return isPluginAllowed(server, 'pgoutput') ? 'open' : 'wal2json';
}

/** Whether the server lets a plugin be loaded. */
export function isPluginAllowed(server: ServerFacts, plugin: string): boolean {
  return allowsPlugin(server.settings['output_plugin_libraries']?.value, plugin);
}
