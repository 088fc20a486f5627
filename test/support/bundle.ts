import { mkdir, rename } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const bundles = new Map<string, Promise<string>>();

/** Path of a program of ours in one file, packages and all: a process or thread of it starts in a fraction of a second. Built once per test process. `source`: from the root of the repository. */
export function bundled(source: string): Promise<string> {
  const known = bundles.get(source);
  if (known !== undefined) return known;
  const building = bundle(source);
  bundles.set(source, building);
  return building;
}

async function bundle(source: string): Promise<string> {
  const folder = `${ROOT}/.cache/test`;
  await mkdir(folder, { recursive: true });
  const path = `${folder}/${source.replaceAll(/[^a-z]+/g, '-')}-${String(process.pid)}.mjs`;
  await build({
    entryPoints: [`${ROOT}/${source}`],
    outfile: `${path}.tmp`,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // Native parts that their packages do without.
    external: ['pg-native', 'cpu-features', '*.node'],
    banner: {
      js: `import{createRequire as __makeRequire}from'node:module';const require=__makeRequire(import.meta.url);const __filename=import.meta.filename;const __dirname=import.meta.dirname;`,
    },
    legalComments: 'none',
    logLevel: 'error',
  });
  await rename(`${path}.tmp`, path);
  return path;
}
