import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { configReference } from '../../functions/engine/config/reference.ts';
import { configDocument, configJsonSchema } from '../../functions/engine/config/schema.ts';

interface Node {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
}

function settingsOf(node: Node, prefix = ''): readonly (readonly [string, Node])[] {
  const inner = [node, ...(node.anyOf ?? [])].flatMap(({ properties }) => Object.entries(properties ?? {}));
  const own = inner.flatMap(([name, setting]): (readonly [string, Node])[] => [
    [`${prefix}${name}`, setting],
    ...settingsOf(setting, `${prefix}${name}.`),
  ]);
  return node.items === undefined ? own : [...own, ...settingsOf(node.items, prefix)];
}

describe('the published JSON Schema', () => {
  test('is the one that the configuration is checked with (else run: npx tsx scripts/write-schema.ts)', async () => {
    const published: unknown = JSON.parse(
      await readFile(new URL('../../schema/backstitch.schema.json', import.meta.url), 'utf8'),
    );

    expect(published).toEqual(JSON.parse(JSON.stringify(configJsonSchema())));
  });

  test('describes every setting', () => {
    const undescribed = settingsOf(configJsonSchema()).filter(([, { description = '' }]) => !description.endsWith('.'));

    expect(undescribed.map(([path]) => path)).toEqual([]);
  });

  test('has the defaults that parsing fills in', () => {
    const parsed = configDocument.parse({
      destination: { url: 'file:out' },
      state: { url: 'file:state' },
      integrations: [{ name: 'a', connection: { host: 'h', database: 'd', user: 'u' }, tables: [{ table: 't' }] }],
      aws: {},
    });
    const defaults = settingsOf(configJsonSchema()).filter(([, node]) =>
      ['string', 'number', 'boolean'].includes(typeof node.default),
    );

    expect(defaults.length).toBeGreaterThan(15);
    for (const [path, node] of defaults) {
      if (path.includes('ssh.')) continue;
      expect([path, valueAt(parsed, path)]).toEqual([path, node.default]);
    }
  });
});

describe('the reference', () => {
  test('is a table with a row for every setting', () => {
    const lines = configReference().split('\n');

    expect(lines.slice(0, 2)).toEqual(['| Setting | Value | Default | Meaning |', '|---|---|---|---|']);
    expect(lines).toContain('| `integrations[].connection.port` | 1 to 65535 | `5432` | Port of the server. |');
    expect(lines).toContain('| `integrations[].connection.user` | text | required | Role to log in as. |');
    for (const line of lines) expect(line.replaceAll('\\|', '').split('|')).toHaveLength(6);
    const named = new Set(lines.map((line) => /`([^`]+)`/.exec(line)?.[1]?.replaceAll('[]', '')));
    const missing = settingsOf(configJsonSchema()).filter(
      ([path]) => !named.has(path) && !/\.(env|file|secret|field)$/.test(path),
    );
    expect(missing).toEqual([]);
  });
});

function valueAt(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((now, step) => {
    const holder: unknown = Array.isArray(now) ? now[0] : now;
    return (holder as Record<string, unknown>)[step];
  }, value);
}
