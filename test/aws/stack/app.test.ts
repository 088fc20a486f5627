import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { configFile } from '../../../functions/contract.ts';

const ROOT = join(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'backstitch-app-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The command that the documentation names, without credentials and without a way to AWS. */
async function synth(config: string, outdir: string): Promise<{ readonly code: number | null; readonly err: string }> {
  const env = {
    ...process.env,
    CDK_DISABLE_CLI_TELEMETRY: 'true',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
    AWS_CONFIG_FILE: join(folder, 'none'),
  };
  const child = spawn('npx', ['cdk', 'synth', '-q', '--no-notices', '-c', `config=${config}`, '--output', outdir], {
    cwd: ROOT,
    env,
  });
  return endOf(child);
}

async function endOf(child: ChildProcessWithoutNullStreams): Promise<{ readonly code: number | null; readonly err: string }> {
  let err = '';
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  child.stdout.resume();
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, err };
}

describe('npx cdk synth', () => {
  test('works offline on the example, and says when jobs start and what the stack costs when idle', async () => {
    const outdir = join(folder, 'out');

    const { code, err } = await synth('examples/aws/backstitch.yaml', outdir);

    expect({ code, err }).toMatchObject({ code: 0 });
    expect(err).toMatch(/shop starts at 20.*Z, 20.*Z/);
    expect(err).toMatch(/Idle, the stack costs about \$\d+\.\d\d a month/);
    // The setting that is recommended in AWS, and a Node.js that has it.
    for (const integration of ['shop', 'billing'])
      expect(readFileSync(join(outdir, 'staging', integration, configFile), 'utf8')).toContain('"compression":"zstd"');
    expect(readFileSync(join(outdir, 'Backstitch.template.json'), 'utf8')).toContain('nodejs24.x');
    expect(JSON.parse(readFileSync(join(outdir, 'manifest.json'), 'utf8')).missing).toBeUndefined();
  });

  test('without a configuration names the example, and makes nothing of it unasked', async () => {
    const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
    const empty = mkdtempSync(join(folder, 'empty-'));
    // As cdk calls it: with an empty `-c config=`, and without one.
    for (const context of ['{"config":""}', '{}']) {
      const child = spawn(process.execPath, ['--import', tsx, join(ROOT, 'bin/app.ts')], {
        cwd: empty,
        env: { ...process.env, CDK_CONTEXT_JSON: context, CDK_OUTDIR: join(empty, 'out') },
      });

      const { code, err } = await endOf(child);

      expect(code).toBe(1);
      expect(err).toContain('There is no backstitch.yaml in ');
      expect(err).toContain('npx cdk synth -c config=examples/aws/backstitch.yaml');
      expect(err).not.toContain('    at ');
      expect(existsSync(join(empty, 'out/Backstitch.template.json'))).toBe(false);
    }
  });

  test('says what is wrong with a configuration, without a stack trace', async () => {
    const config = join(folder, 'wrong.yaml');
    writeFileSync(config, 'destination: { url: "s3://landing" }\n');

    const { code, err } = await synth(config, join(folder, 'wrong'));

    expect(code).not.toBe(0);
    expect(err).toContain('integrations');
    expect(err).not.toContain('    at ');
  });
});
