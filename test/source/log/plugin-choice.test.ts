import { describe, expect, it } from 'vitest';
import { existingPlugin, newPlugins } from '../../../functions/engine/source/postgres/log/plugin-choice.ts';
import type { PluginQuestion } from '../../../functions/engine/source/postgres/log/plugin-choice.ts';

function question(changes: {
  readonly configured?: PluginQuestion['configured'];
  readonly libraries?: string;
  readonly version?: 'old';
  readonly encoding?: 'other';
}): PluginQuestion {
  const { configured = 'auto', libraries, version, encoding } = changes;
  return {
    slot: 's',
    database: 'd',
    configured,
    dialect: { hasPublications: version !== 'old' },
    settings: { pluginLibraries: libraries, isUtf8: encoding !== 'other' },
  };
}

describe('the plugins to try for a new slot', () => {
  it.each<readonly [name: string, changes: Parameters<typeof question>[0], plugins: readonly string[]]>([
    ['wal2json first', {}, ['wal2json', 'pgoutput']],
    ['what is configured', { configured: 'pgoutput' }, ['pgoutput']],
    ['what is configured, in another encoding too', { configured: 'wal2json', encoding: 'other' }, ['wal2json']],
    ['pgoutput first where texts are not in UTF-8', { encoding: 'other' }, ['pgoutput', 'wal2json']],
    ['wal2json alone before 10', { version: 'old' }, ['wal2json']],
    ['what is allowed by default since 2026', { libraries: 'pgoutput, test_decoding' }, ['pgoutput']],
    ['what is allowed with a path and a suffix', { libraries: '"$libdir/wal2json.so",test_decoding' }, ['wal2json']],
    ['all that are allowed', { libraries: 'wal2json,pgoutput' }, ['wal2json', 'pgoutput']],
  ])('are %s', (_name, changes, plugins) => {
    expect(newPlugins(question(changes))).toEqual(plugins);
  });

  it.each<readonly [name: string, changes: Parameters<typeof question>[0], code: string]>([
    ['is not allowed', { configured: 'wal2json', libraries: 'pgoutput, test_decoding' }, 'plugin-not-allowed'],
    ['is not allowed, like any other', { libraries: '' }, 'plugin-not-allowed'],
    ['is newer than the server', { configured: 'pgoutput', version: 'old' }, 'plugin-missing'],
  ])('end in an error when it %s', (_name, changes, code) => {
    expect(() => newPlugins(question(changes))).toThrow(expect.objectContaining({ code }));
  });

  it('name the setting that would allow it', () => {
    expect(() => newPlugins(question({ configured: 'wal2json', libraries: 'pgoutput, test_decoding' }))).toThrow(
      expect.objectContaining({
        remedy: expect.stringContaining("output_plugin_libraries = 'pgoutput, test_decoding, wal2json'"),
      }),
    );
  });
});

describe('the plugin of an existing slot', () => {
  it.each<readonly [name: string, changes: Parameters<typeof question>[0], plugin: string, expected: string]>([
    ['is taken as it is', {}, 'wal2json', 'wal2json'],
    ['is what is configured', { configured: 'pgoutput' }, 'pgoutput', 'pgoutput'],
    ['may be another than is configured', { configured: 'pgoutput' }, 'wal2json', 'slot-of-other-plugin'],
    ['may be one that nobody here can read', {}, 'test_decoding', 'slot-of-other-plugin'],
    ['may not be allowed any more', { libraries: 'pgoutput, test_decoding' }, 'wal2json', 'plugin-not-allowed'],
  ])('%s', (_name, changes, plugin, expected) => {
    const choose = (): string => existingPlugin(question(changes), plugin);

    if (expected === plugin) expect(choose()).toBe(expected);
    else expect(choose).toThrow(expect.objectContaining({ code: expected }));
  });
});
