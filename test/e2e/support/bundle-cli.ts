import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

/** The command line in one file, as light in memory as it is when it is built and installed. Disposing it removes the file. */
export interface BundledCli extends AsyncDisposable {
  /** Arguments of node. */
  readonly program: readonly string[];
}

/** Bundles the sources as they are now. */
export async function bundleCli(): Promise<BundledCli> {
  const folder = await mkdtemp(join(tmpdir(), 'backstitch-cli-'));
  const outfile = join(folder, 'cli.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, '..', '..', '..', 'bin', 'cli.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['pg-native', 'cpu-features'],
    loader: { '.node': 'empty' },
    logLevel: 'error',
    banner: { js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);" },
  });
  return { program: [outfile], [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}
