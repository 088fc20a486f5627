import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const PACKAGE = 'postgresql-client-15';

/**
 * Finds the programs that the limits are measured with, and installs Debian's package where one is missing and apt can. Returns those that are missing in the end: they are
 * reported, not passed over.
 */
export function ensurePrograms(names: readonly string[]): readonly string[] {
  if (missingOf(names).length === 0) return [];
  console.error(`${missingOf(names).join(', ')} is not here: installing ${PACKAGE} by apt-get`);
  spawnSync('apt-get', ['install', '-q', '-y', PACKAGE], { stdio: ['ignore', 'ignore', 'inherit'] });
  return missingOf(names);
}

function missingOf(names: readonly string[]): readonly string[] {
  return names.filter((name) => !(process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, name))));
}
