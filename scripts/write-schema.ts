// Writes schema/backstitch.schema.json from the configuration's schema. Run: npx tsx scripts/write-schema.ts
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { configJsonSchema } from '../functions/engine/config/schema.ts';

const file = fileURLToPath(new URL('../schema/backstitch.schema.json', import.meta.url));
const options = await resolveConfig(file);
await mkdir(new URL('../schema/', import.meta.url), { recursive: true });
await writeFile(file, await format(JSON.stringify(configJsonSchema(), null, 2), { ...options, parser: 'json' }));
