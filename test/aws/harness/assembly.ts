import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isObject, objectAt, parseJson, textAt } from './json.ts';
import type { JsonObject } from './json.ts';
import { Template } from './template.ts';

/** A cloud assembly of one stack, as `cdk synth` leaves it. */
export interface Assembly {
  readonly template: Template;
  /** Folder of the unpacked asset that a function's `Code` names. */
  readonly codeFolder: (code: JsonObject) => string;
}

/** Reads an assembly: its manifest, its one template and the manifest of its assets. */
export function readAssembly(directory: string): Assembly {
  const manifest = readObject(join(directory, 'manifest.json'));
  const stacks = Object.entries(objectAt(manifest, 'artifacts')).flatMap(([name, artifact]) =>
    isObject(artifact) && artifact['type'] === 'aws:cloudformation:stack' ? [[name, artifact] as const] : [],
  );
  const [stack] = stacks;
  if (stack === undefined || stacks.length > 1) throw new Error(`${directory} has ${stacks.length} stacks`);
  const properties = objectAt(stack[1], 'properties');
  const { stackName = stack[0] } = properties;
  if (typeof stackName !== 'string') throw new Error('A stack has no name');
  const text = readFileSync(join(directory, textAt(properties, 'templateFile')), 'utf8');
  const template = new Template(text, { account: '123456789012', region: 'eu-central-1', stack: stackName });
  const assetFile = readdirSync(directory).find((name) => name.endsWith('.assets.json'));
  if (assetFile === undefined) throw new Error(`${directory} has no manifest of assets`);
  const files = objectAt(readObject(join(directory, assetFile)), 'files');
  return {
    template,
    codeFolder: (code) => {
      const hash = textAt(code, 'S3Key').replace(/\.zip$/, '');
      return join(directory, textAt(objectAt(objectAt(files, hash), 'source'), 'path'));
    },
  };
}

function readObject(path: string): JsonObject {
  const value = parseJson(readFileSync(path, 'utf8'));
  if (!isObject(value)) throw new Error(`${path} is no object`);
  return value;
}
