// Installs the Node.js of Lambda's runtime for tests that run the synthesized functions: node scripts/install-lambda-node.mjs [folder]
// It goes into .cache/lambda-node24 and never into package.json, where its `node` would take the place of the one that runs npm scripts. Idempotent; several may run at once.
// Prints the path of the binary. Exit codes: 0 it is there, 1 it could not be had.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAJOR = 24;

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = resolve(process.argv[2] ?? join(root, '.cache', `lambda-node${MAJOR}`));

try {
  console.log(install());
} catch (error) {
  console.error(`Node.js ${MAJOR} could not be installed: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}

function install() {
  const name = packageName();
  const binary = join(folder, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (isRight(binary)) return binary;
  mkdirSync(dirname(folder), { recursive: true });
  // Installed beside its place and moved there whole: a process that looks meanwhile finds everything or nothing.
  const fresh = mkdtempSync(`${folder}-`);
  try {
    writeFileSync(join(fresh, 'package.json'), '{ "private": true }\n');
    const npm = spawnSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', `${name}@${MAJOR}`], {
      cwd: fresh,
      encoding: 'utf8',
      env: npmEnvironment(),
    });
    if (npm.status !== 0) throw new Error(`npm install ${name}@${MAJOR} failed: ${npm.error?.message ?? npm.stderr.trim()}`);
    if (isRight(binary)) return binary;
    rmSync(folder, { recursive: true, force: true });
    try {
      renameSync(fresh, folder);
    } catch (error) {
      // Another installation was quicker.
      if (!isRight(binary)) throw error;
    }
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  if (!isRight(binary)) throw new Error(`${binary} does not run`);
  return binary;
}

/** The package that has the binary and nothing else; `node` itself fetches it in an install script. */
function packageName() {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  return `node-${platform}-${process.arch}`;
}

function isRight(binary) {
  if (!existsSync(binary)) return false;
  const { status, stdout } = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  return status === 0 && stdout.startsWith(`v${MAJOR}.`);
}

/** An npm that was started by an npm script would take that script's settings for its own. */
function npmEnvironment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(config_(prefix|local_prefix|ignore_scripts)|package_|lifecycle_)/i.test(name),
    ),
  );
}
