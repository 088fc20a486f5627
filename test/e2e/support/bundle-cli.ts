import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..', '..', '..');

/** The command line in one file, and what its threads run in another, as light in memory as when it is built and installed. Disposing it removes them. */
export interface BundledCli extends AsyncDisposable {
  /** Arguments of node. */
  readonly program: readonly string[];
}

/** Bundles the sources as they are now. */
export async function bundleCli(): Promise<BundledCli> {
  const folder = await mkdtemp(join(tmpdir(), 'backstitch-cli-'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await build({
    entryPoints: { cli: join(ROOT, 'bin', 'cli.ts'), 'threads/entry': join(ROOT, 'functions', 'threads', 'entry.ts') },
    outdir: folder,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['pg-native', 'cpu-features'],
    loader: { '.node': 'empty' },
    logLevel: 'error',
    banner: { js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);" },
  });
  return { program: [join(folder, 'cli.js')], [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}
