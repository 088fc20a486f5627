// Writes schema/*.schema.json from the code: `npm run docs`.
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { configJsonSchema } from '../functions/engine/config/schema.ts';
import { reportJsonSchema } from '../functions/engine/report/report-schema.ts';

const SCHEMAS = { 'backstitch.schema.json': configJsonSchema, 'report.schema.json': reportJsonSchema };

await mkdir(new URL('../schema/', import.meta.url), { recursive: true });
for (const [name, schema] of Object.entries(SCHEMAS)) {
  const file = fileURLToPath(new URL(`../schema/${name}`, import.meta.url));
  const options = await resolveConfig(file);
  await writeFile(file, await format(JSON.stringify(schema(), null, 2), { ...options, parser: 'json' }));
}
