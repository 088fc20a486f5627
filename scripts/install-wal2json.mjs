// Puts Debian's build of wal2json for PostgreSQL 15 beside the plugins of the npm package pg15: node scripts/install-wal2json.mjs
// Needs apt-get and dpkg-deb (Debian or Ubuntu, any user that may write to node_modules). The plugin is kept in .cache/wal2json, so that a fresh `npm ci` needs no download.
// Without it the tests that need wal2json are reported as skipped. Exit codes: 0 it is there, 1 it could not be had.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = 'postgresql-15-wal2json';
const IN_PACKAGE = join('usr', 'lib', 'postgresql', '15', 'lib', 'wal2json.so');

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const plugins = join(root, 'node_modules', 'pg15', 'native', 'lib', 'postgresql');
const target = join(plugins, 'wal2json.so');
const cached = join(root, '.cache', 'wal2json', `15-${process.arch}.so`);

try {
  install();
} catch (error) {
  console.error(
    `wal2json could not be installed: ${error instanceof Error ? error.message : error}.\nThe tests that need it will be reported as skipped.`,
  );
  process.exitCode = 1;
}

function install() {
  if (!existsSync(plugins)) throw new Error(`${plugins} does not exist: run npm ci first`);
  if (existsSync(target)) {
    console.log('wal2json is there already.');
    return;
  }
  if (!existsSync(cached)) download();
  // A server that is starting sees the whole file or none.
  copyFileSync(cached, `${target}.${process.pid}`);
  renameSync(`${target}.${process.pid}`, target);
  console.log(`wal2json is installed for the tests of PostgreSQL 15: ${target}`);
}

function download() {
  for (const tool of ['apt-get', 'dpkg-deb']) {
    if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).error !== undefined)
      throw new Error(`${tool} is not here; this works on Debian and Ubuntu`);
  }
  mkdirSync(dirname(cached), { recursive: true });
  const folder = mkdtempSync(join(dirname(cached), 'download-'));
  try {
    const fetched = spawnSync('apt-get', ['download', '-q', PACKAGE], { cwd: folder, encoding: 'utf8' });
    const file = readdirSync(folder).find((name) => name.endsWith('.deb'));
    if (fetched.status !== 0 || file === undefined) {
      throw new Error(`apt-get could not download ${PACKAGE} (apt-get update may help): ${fetched.stderr.trim()}`);
    }
    const unpacked = spawnSync('dpkg-deb', ['-x', file, 'unpacked'], { cwd: folder, encoding: 'utf8' });
    if (unpacked.status !== 0) throw new Error(`${file} could not be unpacked: ${unpacked.stderr.trim()}`);
    const plugin = join(folder, 'unpacked', IN_PACKAGE);
    if (!existsSync(plugin)) throw new Error(`${file} has no ${IN_PACKAGE}`);
    renameSync(plugin, cached);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
