import { chmod, cp, lstat, mkdtemp, readFile, realpath, rename, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';

/** The account that server processes run under; undefined: our own. PostgreSQL refuses to run as root. */
export type ServerAccount = { readonly uid: number; readonly gid: number } | undefined;

/** An unpacked npm package with PostgreSQL's binaries, its library links in place. */
export interface PostgresPackage {
  /** Version of the npm package, such as `15.18.0-beta.17`. */
  readonly version: string;
  readonly major: number;
  /** Path of `initdb`, `pg_ctl` or `postgres`: the packages have no other program. */
  program(name: 'initdb' | 'pg_ctl' | 'postgres'): string;
}

/** `nobody` where we are root, since no account needs to be created for it; else our own account. */
export function serverAccount(): ServerAccount {
  return process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined;
}

/** Whether every folder on the way to `path` lets other accounts pass: a home folder of root usually does not. */
export async function isReachableByOthers(path: string): Promise<boolean> {
  for (let at = await realpath(path); ; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false;
    if (dirname(at) === at) return true;
  }
}

/**
 * Makes the binaries in the package folder `directory` runnable: the library links that npm leaves out with `--ignore-scripts` are made, and where the
 * account of the server could not reach the folder, its content is copied to the temporary folder once. Throws file system errors.
 */
export async function openPostgresPackage(directory: string): Promise<PostgresPackage> {
  const manifest: unknown = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'));
  const version = textField(manifest, 'version');
  await linkLibraries(directory);
  const reachable = serverAccount() === undefined || (await isReachableByOthers(join(directory, 'native', 'bin')));
  const root = reachable ? directory : await copyForOthers(directory, version);
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return { version, major: Number.parseInt(version, 10), program: (name) => join(root, 'native', 'bin', `${name}${suffix}`) };
}

async function linkLibraries(directory: string): Promise<void> {
  const list = await readFile(join(directory, 'native', 'pg-symlinks.json'), 'utf8').catch(ifMissing('[]'));
  const links: unknown = JSON.parse(list);
  if (!isList(links)) return;
  for (const link of links) {
    const target = join(directory, textField(link, 'target'));
    const source = join(directory, textField(link, 'source'));
    // The list names some targets twice; as in the package's own script, the first one stays.
    if (await exists(target)) continue;
    await symlink(relative(dirname(target), source), target).catch(ifTaken);
  }
}

async function copyForOthers(directory: string, version: string): Promise<string> {
  const copy = join(tmpdir(), `backstitch-postgres-${version}`);
  if (await exists(copy)) {
    // Anybody may write to the temporary folder: run nothing there that is not ours.
    const { uid } = await lstat(copy);
    if (uid === process.getuid?.()) return copy;
  }
  const unfinished = await mkdtemp(`${copy}-`);
  await chmod(unfinished, 0o755);
  await cp(join(directory, 'native'), join(unfinished, 'native'), { recursive: true, verbatimSymlinks: true });
  try {
    await rename(unfinished, copy);
    return copy;
  } catch {
    // Somebody else finished first, or the name is not ours: the copy serves under its own name, and only this once.
    if (!(await exists(copy)) || (await lstat(copy)).uid !== process.getuid?.()) return unfinished;
    await rm(unfinished, { recursive: true, force: true });
    return copy;
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function textField(value: unknown, name: string): string {
  const field: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  if (typeof field !== 'string') throw new TypeError(`The PostgreSQL package has no "${name}" where one is expected.`);
  return field;
}

function ifMissing<T>(fallback: T): (error: unknown) => T {
  return (error) => {
    if (isErrno(error, 'ENOENT')) return fallback;
    throw error;
  };
}

function ifTaken(error: unknown): void {
  if (!isErrno(error, 'EEXIST')) throw error;
}

/** Whether `error` is a system error with this code, such as `ENOENT`. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
