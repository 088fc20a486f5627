// Builds dist/ from bin/, functions/ and lib/: in `npm ci` and `npm install` by the `prepare` script, or by `npm run build`.
// Each file is translated by itself, which takes a quarter of the time; `npm run typecheck` is what checks types.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
const cli = join('bin', 'cli.js');

const compiler = findCompiler();
if (compiler === undefined) {
  // `npm ci --omit=dev` has no compiler; what was built before it is as good as ever.
  if (existsSync(join(dist, cli))) process.exit(0);
  console.error('TypeScript is not installed, so dist/ cannot be built: run npm ci without --omit=dev.');
  process.exit(1);
}

// Compiled beside dist/ and swapped in whole: files of removed sources do not stay, and a running command never sees half a build.
const fresh = mkdtempSync(join(root, '.dist-'));
try {
  const problem = compile();
  if (problem === undefined) {
    rmSync(dist, { recursive: true, force: true });
    renameSync(fresh, dist);
  } else {
    console.error(problem);
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

/** Returns what went wrong, or undefined. */
function compile() {
  const { status, error } = spawnSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json'), '--outDir', fresh], {
    stdio: 'inherit',
  });
  if (error !== undefined) return `The compiler cannot be run: ${error.message}`;
  if (status !== 0) return 'The build failed: see the errors above.';
  const entry = join(fresh, cli);
  if (!readFileSync(entry, 'utf8').startsWith('#!/usr/bin/env node\n')) return `${cli} does not begin with its shebang line.`;
  chmodSync(fresh, 0o755);
  chmodSync(entry, 0o755);
  return undefined;
}

/** Path of tsc, or undefined where it is not installed. */
function findCompiler() {
  try {
    return createRequire(import.meta.url).resolve('typescript/bin/tsc');
  } catch {
    return undefined;
  }
}
