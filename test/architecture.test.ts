import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { describe, expect, it } from 'vitest';
import { architectureViolations } from './support/architecture.ts';

const ROOT = join(import.meta.dirname, '..');
/** Of the project's top level; those that are there. */
const FOLDERS = ['bin', 'functions', 'lib'].filter((folder) => existsSync(join(ROOT, folder)));

describe('the architecture', () => {
  it('is kept by every source file', async () => {
    const tree = await readTree();
    expect(tree.size).toBeGreaterThan(50);
    expect(architectureViolations(tree)).toEqual([]);
  });

  it('lets a small tree pass that keeps it', () => {
    expect(architectureViolations(new Map(Object.entries(GOOD)))).toEqual([]);
  });

  const engine = 'functions/engine';
  it.each<readonly [rule: string, files: Readonly<Record<string, string>>, violation: string]>([
    [
      'the model imports nothing',
      { [`${engine}/model/a.ts`]: `import { b } from '../runtime/clock.ts';` },
      'model may not import functions/engine/runtime/clock.ts',
    ],
    [
      'the model does not import node modules',
      { [`${engine}/model/a.ts`]: `import { join } from 'node:path';` },
      'model may not import node:path',
    ],
    [
      'nothing imports the sources of the kernel',
      { [`${engine}/encode/a.ts`]: `import { b } from './kernel/b.ts';`, [`${engine}/encode/kernel/b.ts`]: '' },
      'encode may not import functions/engine/encode/kernel/b.ts',
    ],
    [
      'a sink does not import another',
      { [`${engine}/sink/file/a.ts`]: `import { b } from '../s3/s3.ts';`, [`${engine}/sink/s3/s3.ts`]: '' },
      'sink/file may not import functions/engine/sink/s3/s3.ts',
    ],
    [
      'a ledger does not import a sink',
      { [`${engine}/ledger/file/a.ts`]: `import { b } from '../../sink/sink.ts';`, [`${engine}/sink/sink.ts`]: '' },
      'ledger/file may not import functions/engine/sink/sink.ts',
    ],
    [
      'jobs do not choose implementations',
      { [`${engine}/jobs/a.ts`]: `import { b } from '../sink/file/b.ts';`, [`${engine}/sink/file/b.ts`]: '' },
      'jobs may not import functions/engine/sink/file/b.ts',
    ],
    ['jobs do not import pg', { [`${engine}/jobs/a.ts`]: `import pg from 'pg';` }, 'jobs may not import pg'],
    [
      'pg is not loaded on demand elsewhere',
      { [`${engine}/jobs/a.ts`]: `const pg = await import('pg');` },
      'jobs may not import pg',
    ],
    ['types of pg count as well', { [`${engine}/plan/a.ts`]: `export type A = import('pg').Client;` }, 'plan may not import pg'],
    ['a re-export is an import', { [`${engine}/plan/a.ts`]: `export { Client } from 'pg';` }, 'plan may not import pg'],
    [
      'the S3 sink does not import another SDK',
      { [`${engine}/sink/s3/a.ts`]: `import { b } from '@aws-sdk/client-dynamodb';` },
      'sink/s3 may not import @aws-sdk/client-dynamodb',
    ],
    [
      'the source does not import an AWS SDK',
      { [`${engine}/source/postgres/a.ts`]: `import { b } from '@aws-sdk/rds-signer';` },
      'source/postgres may not import @aws-sdk/rds-signer',
    ],
    [
      'commands do not import an AWS SDK',
      { 'functions/cli/a.ts': `import { b } from '@aws-sdk/client-s3';` },
      'functions/cli may not import @aws-sdk/client-s3',
    ],
    [
      'the engine does not know the commands',
      { [`${engine}/jobs/a.ts`]: `import { b } from '../../cli/b.ts';`, 'functions/cli/b.ts': '' },
      'jobs may not import functions/cli/b.ts',
    ],
    [
      'the engine does not know the wiring',
      { [`${engine}/report/a.ts`]: `import { b } from '../../local.ts';`, 'functions/local.ts': '' },
      'report may not import functions/local.ts',
    ],
    [
      'functions do not import the CDK',
      { 'functions/aws.ts': `import { Stack } from 'aws-cdk-lib';` },
      'wiring may not import aws-cdk-lib',
    ],
    [
      'functions do not import a part of the CDK',
      { 'functions/aws.ts': `import { Bucket } from 'aws-cdk-lib/aws-s3';` },
      'wiring may not import aws-cdk-lib/aws-s3',
    ],
    [
      'constructs do not import an SDK',
      { 'lib/stack.ts': `import { S3Client } from '@aws-sdk/client-s3';` },
      'lib may not import @aws-sdk/client-s3',
    ],
    [
      'constructs do not import what runs',
      { 'lib/stack.ts': `import { b } from '../functions/local.ts';`, 'functions/local.ts': '' },
      'lib may not import functions/local.ts',
    ],
    [
      'constructs do not import the rest of the engine',
      { 'lib/stack.ts': `import { b } from '../functions/engine/jobs/b.ts';`, [`${engine}/jobs/b.ts`]: '' },
      'lib may not import functions/engine/jobs/b.ts',
    ],
    [
      'files do not import each other in a circle',
      {
        [`${engine}/plan/a.ts`]: `import './b.ts';`,
        [`${engine}/plan/b.ts`]: `import './c.ts';`,
        [`${engine}/plan/c.ts`]: `import { a } from './a.ts';`,
      },
      'cycle: functions/engine/plan/a.ts -> functions/engine/plan/b.ts -> functions/engine/plan/c.ts -> functions/engine/plan/a.ts',
    ],
    [
      'the engine does not read the environment',
      { [`${engine}/jobs/a.ts`]: `export const a = process.env.HOME;` },
      'the engine does not read process.env',
    ],
    ['nor by another way', { [`${engine}/jobs/a.ts`]: `const { env } = process;` }, 'the engine does not read process.env'],
    ['nor by import', { [`${engine}/jobs/a.ts`]: `import { env } from 'node:process';` }, 'jobs may not import node:process'],
    ['files stay below 400 lines', { [`${engine}/jobs/a.ts`]: '// line\n'.repeat(401) }, '401 lines, at most 400'],
    ['the engine has no barrels', { [`${engine}/jobs/index.ts`]: '' }, 'no barrels inside the engine'],
    ['every file belongs somewhere', { [`${engine}/helpers/a.ts`]: '' }, 'in no zone of the architecture'],
    [
      'imports stay inside the sources',
      { [`${engine}/jobs/a.ts`]: `import { b } from '../../../test/b.ts';` },
      'imports test/b.ts, which is not part of the sources',
    ],
  ])('%s', (_rule, files, violation) => {
    const violations = architectureViolations(new Map(Object.entries({ ...GOOD, ...files })));
    expect(violations.join('\n')).toContain(violation);
    expect(violations).toHaveLength(1);
  });

  it('lets types of one folder refer to each other', () => {
    const files = {
      'functions/engine/plan/a.ts': `import { b } from './b.ts';`,
      'functions/engine/plan/b.ts': `import type { A } from './a.ts';`,
    };
    expect(architectureViolations(new Map(Object.entries(files)))).toEqual([]);
  });

  it('takes no offence at words in comments and strings', () => {
    const text = `// process.env, import pg from 'pg'\nexport const a = "import 'pg'; process.env";\n`;
    expect(architectureViolations(new Map([['functions/engine/jobs/a.ts', text]]))).toEqual([]);
  });
});

const GOOD: Readonly<Record<string, string>> = {
  'functions/engine/model/errors.ts': `import { ERRORS } from './error-codes.ts';`,
  'functions/engine/model/error-codes.ts': 'export const ERRORS = {};',
  'functions/engine/runtime/clock.ts': `import { setTimeout } from 'node:timers/promises';`,
  'functions/engine/source/source.ts': `import type { A } from '../model/errors.ts';`,
  'functions/engine/source/postgres/postgres-source.ts': `import pg from 'pg';\nimport type { A } from '../source.ts';`,
  'functions/local.ts': `import { open } from './engine/source/postgres/postgres-source.ts';`,
  'bin/cli.ts': `const { openLocal } = await import('../functions/local.ts');`,
};

async function readTree(): Promise<ReadonlyMap<string, string>> {
  const tree = new Map<string, string>();
  for (const folder of FOLDERS) {
    for (const name of await readdir(join(ROOT, folder), { recursive: true })) {
      if (!name.endsWith('.ts')) continue;
      const path = join(ROOT, folder, name);
      tree.set(relative(ROOT, path).replaceAll(sep, '/'), await readFile(path, 'utf8'));
    }
  }
  return tree;
}
