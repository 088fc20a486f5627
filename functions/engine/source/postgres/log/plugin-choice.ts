import { allowsPlugin } from '../../../model/plugin-libraries.ts';
import { ReplicationError } from '../../../model/errors.ts';
import type { OutputPlugin } from '../../../model/log-change.ts';
import type { LogDialect } from './log-dialect.ts';
import type { LogSettings } from './log-settings.ts';

export interface PluginQuestion {
  readonly slot: string;
  readonly database: string;
  /** As configured. */
  readonly configured: OutputPlugin | 'auto';
  readonly dialect: Pick<LogDialect, 'hasPublications'>;
  readonly settings: Pick<LogSettings, 'pluginLibraries' | 'isUtf8'>;
}

/** The plugin of an existing slot. Pure. Throws `slot-of-other-plugin` or `plugin-not-allowed`. */
export function existingPlugin(question: PluginQuestion, plugin: string): OutputPlugin {
  const { slot, database, configured, settings } = question;
  const wanted = configured === 'auto' ? 'wal2json or pgoutput' : configured;
  if (!isReadable(plugin) || (configured !== 'auto' && configured !== plugin)) {
    throw new ReplicationError('slot-of-other-plugin', { slot, database, plugin, wanted });
  }
  if (!allowsPlugin(settings.pluginLibraries, plugin)) throw notAllowed(plugin, settings);
  return plugin;
}

/**
 * The plugins to try for a new slot, in this order: a later one when the server has no library of the one before. Pure. wal2json first, as Stitch; but not in databases that
 * are not in UTF-8: what it writes goes out over the replication protocol in the encoding of the database. Throws `plugin-not-allowed` or `plugin-missing`.
 */
export function newPlugins(question: PluginQuestion): readonly [OutputPlugin, ...OutputPlugin[]] {
  const { configured, dialect, settings } = question;
  const order: readonly OutputPlugin[] =
    configured !== 'auto' ? [configured] : settings.isUtf8 ? ['wal2json', 'pgoutput'] : ['pgoutput', 'wal2json'];
  const existing = order.filter((plugin) => plugin === 'wal2json' || dialect.hasPublications);
  if (existing[0] === undefined) throw pluginMissing('pgoutput');
  const [first, ...rest] = existing.filter((plugin) => allowsPlugin(settings.pluginLibraries, plugin));
  if (first === undefined) throw notAllowed(existing[0], settings);
  return [first, ...rest];
}

/** The error for a plugin whose library the server does not have. */
export function pluginMissing(plugin: OutputPlugin, options?: ErrorOptions): ReplicationError<'plugin-missing'> {
  const instead =
    plugin === 'pgoutput'
      ? 'PostgreSQL has pgoutput from version 10 on: install wal2json and set logBased.plugin: wal2json.'
      : 'Install it (on Debian: apt-get install postgresql-<version>-wal2json; RDS and Aurora have it), or set logBased.plugin: pgoutput.';
  return new ReplicationError('plugin-missing', { plugin, instead }, options);
}

function isReadable(plugin: string): plugin is OutputPlugin {
  return plugin === 'wal2json' || plugin === 'pgoutput';
}

function notAllowed(
  plugin: OutputPlugin,
  { pluginLibraries = '' }: Pick<LogSettings, 'pluginLibraries'>,
): ReplicationError<'plugin-not-allowed'> {
  const wanted = [pluginLibraries, plugin].filter((name) => name !== '').join(', ');
  return new ReplicationError('plugin-not-allowed', {
    plugin,
    allowed: pluginLibraries === '' ? 'none' : pluginLibraries,
    wanted,
  });
}
