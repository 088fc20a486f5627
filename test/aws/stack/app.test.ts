import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

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
    expect(readFileSync(join(outdir, 'Backstitch.template.json'), 'utf8')).toContain('nodejs24.x');
    expect(JSON.parse(readFileSync(join(outdir, 'manifest.json'), 'utf8')).missing).toBeUndefined();
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
