// Writes the pages of docs/ that are made from the code: `npm run docs`.
import { mkdir, writeFile } from 'node:fs/promises';
import { REFERENCE_PAGES } from './reference.ts';

await mkdir('docs', { recursive: true });
for (const [path, page] of Object.entries(REFERENCE_PAGES)) await writeFile(path, page());
