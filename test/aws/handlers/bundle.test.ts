import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundle } from '../../../scripts/bundle.mjs';
import { handlers } from '../../../functions/contract.ts';

const run = promisify(execFile);
let folder = '';
let made: Awaited<ReturnType<typeof bundle>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'backstitch-bundle-'));
  made = await bundle(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What a process of its own says after it has imported the bundle. */
async function inProcess(script: string, env: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const code = `import(${JSON.stringify(pathToFileURL(join(folder, 'index.mjs')).href)}).then(async (bundle) => console.log(JSON.stringify(await (${script})(bundle))))`;
  const { stdout } = await run(process.execPath, ['-e', code], { env: { ...process.env, ...env } });
  return JSON.parse(stdout);
}

describe('the bundle', () => {
  test('is small: below 1.5 MB of modules and nothing else', () => {
    expect(made.files.filter((name) => !name.endsWith('.mjs'))).toEqual([]);
    expect(made.bytes).toBeLessThan(1_500_000);
  });

  test('has the handlers of the contract', async () => {
    const exported = await inProcess('(bundle) => Object.keys(bundle).sort()');

    expect(exported).toEqual(
      Object.values(handlers)
        .map((handler) => handler.replace('index.', ''))
        .sort(),
    );
  });

  test('has nothing of the account, of the command line or of configuration files in it', () => {
    const foreign = /node_modules\/(aws-cdk-lib|constructs|commander|yaml|zod)\/|^lib\/|functions\/(cli|demo)\//;

    expect(made.inputs.filter((path) => foreign.test(path))).toEqual([]);
  });

  test.each(Object.keys(handlers))(
    'of %s loads neither SSH nor Secrets Manager nor certificates before they are needed',
    async (handler) => {
      const entries = [
        'index.mjs',
        ...made.files.filter((name) => name.startsWith(`${handler}-`) || name.startsWith('sandbox-')),
      ];
      const loaded = new Set<string>();
      const follow = async (name: string): Promise<void> => {
        if (loaded.has(name)) return;
        loaded.add(name);
        const text = await readFile(join(folder, name), 'utf8');
        // What is imported on demand has a parenthesis there.
        for (const [, imported = ''] of text.matchAll(/(?:from|import)\s*"\.\/([^"]+\.mjs)"/g)) await follow(imported);
      };
      for (const entry of entries) await follow(entry);

      expect(entries.length).toBe(3);
      expect(loaded.size).toBeGreaterThan(5);
      expect([...loaded].filter((name) => /^(tunnel|fetch-secret|iam-token|rds-ca)-/.test(name))).toEqual([]);
      expect(made.files.filter((name) => /^(tunnel|fetch-secret|iam-token|rds-ca)-/.test(name)).length).toBe(4);
    },
  );

  test('is the same each time', async () => {
    const again = await mkdtemp(join(tmpdir(), 'backstitch-bundle-'));
    try {
      expect(await bundle(again)).toEqual(made);
      for (const name of made.files) expect(await readFile(join(again, name))).toEqual(await readFile(join(folder, name)));
    } finally {
      await rm(again, { recursive: true });
    }
  });

  test('brings SSH with it in working order', async () => {
    const tunnel = made.files.find((name) => name.startsWith('tunnel-')) ?? '';
    const url = pathToFileURL(join(folder, tunnel)).href;

    expect(await inProcess(`async () => Object.keys(await import(${JSON.stringify(url)}))`)).toEqual(['openTunnel']);
  });

  test('without its configuration fails with an error that says what to do', async () => {
    const script = `async ({ plan }) => {
      const context = { awsRequestId: 'r', memoryLimitInMB: '512', getRemainingTimeInMillis: () => 10000 };
      return plan({ execution: 'arn:e', startedAt: '2026-11-22T08:00:00Z' }, context).catch((error) => [error.code, error.remedy]);
    }`;

    expect(await inProcess(script, { LAMBDA_TASK_ROOT: folder })).toEqual([
      'packed-config-unreadable',
      'Deploy the stack again: cdk deploy.',
    ]);
  });
});
