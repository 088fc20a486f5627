import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileSink } from '../../functions/engine/sink/file/file-sink.ts';
import { sinkSuite } from './sink.suite.ts';

sinkSuite('folder', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'sink-'));
  const directory = join(parent, 'made', 'when needed');
  const open = (): ReturnType<typeof openFileSink> => openFileSink({ url: `file:${directory}`, directory });
  const files = async (): Promise<readonly string[]> => {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
      .sort();
  };
  return {
    sink: open(),
    reopen: open,
    manyPartsBytes: 3_000_000,
    visible: async () => (await files()).filter((path) => !path.includes('_tmp-')),
    unfinished: async () =>
      (await files())
        .filter((path) => path.includes('_tmp-'))
        .map((path) => path.replace(/_tmp-[0-9a-f]{12}-/, ''))
        .sort(),
    missing: async () => {
      await writeFile(join(parent, 'a file'), '');
      return openFileSink({ url: 'file:a file/out', directory: join(parent, 'a file', 'out') });
    },
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true }),
  };
});
