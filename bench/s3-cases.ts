import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority } from '../test/source/certificates.ts';
import type { BenchCase, BenchGroup } from './bench-case.ts';
import type { Sizes } from './data.ts';
import { bundled } from './engine-run.ts';
import type { BenchServer } from './server.ts';
import { createRunFolder } from './server.ts';
import { engineCase, ONE_READ } from './table-cases.ts';

/** An S3 behind TLS in another process. */
interface S3Process extends AsyncDisposable {
  /** What a child needs to find it. */
  readonly env: Readonly<Record<string, string>>;
}

/** The wide table into S3 through TLS, against the same into a folder. `server` has the tables. */
export function s3Group(server: BenchServer, { wideRows }: Sizes): BenchGroup {
  const lines = [...ONE_READ, 'tables: [{ table: public.wide, method: FULL_TABLE }]'];
  const job = { compression: 'gzip', lines } as const;
  const file = 'ours, gzip-1, into a folder';
  const toS3: BenchCase = {
    name: 'ours, gzip-1, into S3 through TLS',
    side: 'ours',
    targets: [{ of: file, atLeast: 0.85 }],
    run: async () => {
      await using s3 = await startS3Process();
      const inner = engineCase(server, {
        name: 'into S3',
        rows: wideRows,
        targets: [],
        job: { ...job, destination: 's3://bench/out', env: s3.env },
      });
      return await inner.run();
    },
  };
  return {
    title: `S3 through TLS to an emulator in another process, ${wideRows.toLocaleString('en')} rows of 22 columns`,
    cases: [engineCase(server, { name: file, rows: wideRows, targets: [], job }), toS3],
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function startS3Process(): Promise<S3Process> {
  const folder = await createRunFolder();
  try {
    await using authority = await createAuthority();
    const { certificate, key } = await authority.issue({ commonName: 'bench', names: 'IP:127.0.0.1' });
    await writeFile(join(folder.path, 'server.crt'), certificate);
    await writeFile(join(folder.path, 'server.key'), key, { mode: 0o600 });
    await writeFile(join(folder.path, 'ca.crt'), authority.certificate);
    const child = spawn(process.execPath, [await bundled('bench/s3-child.ts'), folder.path], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdout.setEncoding('utf8');
    const [line] = (await once(child.stdout, 'data')) as [string];
    return {
      env: {
        AWS_ENDPOINT_URL_S3: `https://127.0.0.1:${line.trim()}`,
        AWS_REGION: 'eu-central-1',
        AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
        AWS_SECRET_ACCESS_KEY: 'not-a-real-secret',
        NODE_EXTRA_CA_CERTS: join(folder.path, 'ca.crt'),
      },
      [Symbol.asyncDispose]: async () => {
        child.stdin.end();
        await once(child, 'close');
        await folder[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}
