import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { hasProgram } from '../../support/programs.ts';
import { synthesize } from './synth.ts';

const EXAMPLE = join(import.meta.dirname, '../../../examples/aws/backstitch.yaml');

test.skipIf(!hasProgram('cfn-lint'))('cfn-lint finds nothing in the template of the example', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'backstitch-lint-'));
  try {
    const { template } = await synthesize(EXAMPLE, { outdir: join(folder, 'out'), code: 'stub' });
    const file = join(folder, 'template.json');
    await writeFile(file, JSON.stringify(template));

    // W3005: the CDK writes dependencies on roles that a reference has already.
    const run = await promisify(execFile)('cfn-lint', ['--ignore-checks', 'W3005', '--', file]).catch((error: unknown) => error);

    expect(run).toMatchObject({ stdout: '', stderr: '' });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
