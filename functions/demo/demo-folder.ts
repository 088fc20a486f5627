import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ReplicationError } from '../engine/model/errors.ts';

/** The folder of one demo, with everything that it writes. Paths are absolute. */
export interface DemoFolder {
  readonly root: string;
  readonly configPath: string;
  readonly output: string;
  readonly state: string;
  readonly postgres: string;
}

const MARKER = '.backstitch-demo';

/** Makes the folder ready, without what an earlier demo left in it. Throws `demo-folder-taken` rather than removing anything else. */
export async function openDemoFolder(directory: string): Promise<DemoFolder> {
  const root = resolve(directory);
  const names: readonly string[] = await readdir(root).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new ReplicationError('demo-folder-taken', { folder: root }, { cause: error });
  });
  const isOurs = names.includes(MARKER);
  if (names.length > 0 && !isOurs) throw new ReplicationError('demo-folder-taken', { folder: root });
  await mkdir(root, { recursive: true });
  await writeFile(join(root, MARKER), 'This folder was made by "backstitch demo"; the next one there begins by emptying it.\n');
  const [configPath, output, state] = [join(root, 'backstitch.yaml'), join(root, 'out'), join(root, 'state')];
  // The server of an interrupted demo may still run on its data: whoever starts the next one ends it first.
  await Promise.all([configPath, output, state].map((path) => rm(path, { recursive: true, force: true })));
  await mkdir(output);
  return { root, configPath, output, state, postgres: join(root, 'postgres') };
}
