import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { REFERENCE_PAGES } from '../scripts/reference.ts';
import { EXIT } from '../functions/cli/exit-codes.ts';
import { loadConfigText } from '../functions/engine/config/load.ts';

test.each(Object.entries(REFERENCE_PAGES))('%s is what the code says (npm run docs)', async (path, page) => {
  expect(await readFile(path, 'utf8')).toBe(page());
});

describe('the README', () => {
  const readme = () => readFile('README.md', 'utf8');

  test('has configuration examples that are valid', async () => {
    const examples = [...(await readme()).matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');

    const dedented = examples.map((example) => example.replaceAll(new RegExp(`^${/^ */.exec(example)?.[0] ?? ''}`, 'gm'), ''));
    expect(dedented.length).toBeGreaterThan(0);
    for (const example of dedented) expect(loadConfigText(example, 'README.md').config.integrations.length).toBeGreaterThan(0);
  });

  test('names every exit code', async () => {
    const text = await readme();

    for (const code of Object.values(EXIT)) expect(text).toMatch(new RegExp(`\\| .*\\b${String(code)}\\b.* \\|`));
  });

  test('names scripts that exist', async () => {
    const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    const named = [...(await readme()).matchAll(/npm (?:run )?([a-z][a-z:-]*)/g)]
      .map((match) => match[1] ?? '')
      .filter((name) => !['ci', 'i', 'install'].includes(name));

    for (const name of named) expect(Object.keys(scripts)).toContain(name);
  });
});
