import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { createRunFolder } from './server.ts';

const CHUNK_BYTES = 1024 * 1024;
const CHUNKS = 2048;

/**
 * How fast the folder for objects takes a first write, in MB/s. Memory of a virtual machine may have to be asked of its host first, which then costs more than the copy: the
 * limits write nothing and pay nothing of it.
 */
export async function folderSpeed(): Promise<number> {
  await using folder = await createRunFolder();
  const chunk = Buffer.alloc(CHUNK_BYTES, 1);
  await using file = await open(join(folder.path, 'speed'), 'wx');
  const startedAt = performance.now();
  for (let n = 0; n < CHUNKS; n++) await file.write(chunk);
  return (CHUNK_BYTES * CHUNKS) / 1e6 / ((performance.now() - startedAt) / 1000);
}
