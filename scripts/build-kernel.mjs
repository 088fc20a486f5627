// Compiles the AssemblyScript of functions/engine/encode/kernel into functions/engine/encode/kernel-code.ts; with --check it only says whether that file is up to date.
import { readFile, writeFile } from 'node:fs/promises';
import asc from 'assemblyscript/asc';

const FOLDER = 'functions/engine/encode/kernel';
const TARGET = new URL('../functions/engine/encode/kernel-code.ts', import.meta.url);

/** The module as the sources make it. */
async function compile() {
  let binary;
  const { error, stderr } = await asc.main(
    [
      `${FOLDER}/kernel.ts`,
      '--outFile',
      'kernel.wasm',
      '--runtime',
      'stub',
      '--enable',
      'simd',
      '--importMemory',
      '--noAssert',
      '-O3',
    ],
    {
      readFile: (name) => readFile(new URL(`../${name}`, import.meta.url), 'utf8').catch(() => null),
      writeFile: (_name, content) => void (binary = content),
      listFiles: () => [],
    },
  );
  if (error !== null || binary === undefined) throw new Error(`the kernel does not compile:\n${stderr.toString()}`);
  return Buffer.from(binary);
}

const text = `/** WebAssembly, base64: made of \`kernel/\` by \`npm run kernel\`. */
export const KERNEL_CODE =
  '${(await compile()).toString('base64')}';
`;
if (process.argv.includes('--check')) {
  if ((await readFile(TARGET, 'utf8')) !== text) {
    console.error('kernel-code.ts is not what kernel/ compiles to: npm run kernel');
    process.exit(1);
  }
} else await writeFile(TARGET, text);
