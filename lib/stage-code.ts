import { copyFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { configFile } from '../functions/contract.ts';
import type { Config } from '../functions/engine/config/config.ts';
import { packConfig } from '../functions/engine/config/packed-config.ts';

export interface StageCodeOptions {
  /** Where the bundle lies: `index.mjs` and whatever belongs to it. */
  readonly bundle: string;
  readonly config: Config;
  /** Name of the integration. */
  readonly integration: string;
  /** Folder to make: what is in it is removed first. */
  readonly folder: string;
}

/**
 * Lays the bundle, the configuration of one integration and its certificates into one folder, and gives it as code of functions. The same inputs give the same folder, and so the same
 * asset. Throws what `packConfig` does: `secret-not-for-aws` for a secret that stands in the file.
 */
export function stageCode({ bundle, config, integration, folder }: StageCodeOptions): Code {
  // What the account is like is no business of the functions: changing an alarm must not deploy them anew.
  const integrations = config.integrations.map(({ aws: _, ...rest }) => rest);
  const { json, files } = packConfig({ destination: config.destination, state: config.state, integrations }, integration);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(bundle, folder, { recursive: true });
  for (const { name, path } of files) copyFileSync(path, join(folder, name));
  writeFileSync(join(folder, configFile), json);
  return Code.fromAsset(folder);
}
