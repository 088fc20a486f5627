import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { App, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { loadConfigText } from '../../../functions/engine/config/load.ts';
import { resolveAws } from '../../../functions/engine/config/schema-aws.ts';
import { ReplicationStack } from '../../../lib/replication-stack.ts';
import { stageCode } from '../../../lib/stage-code.ts';

export interface SynthesizeOptions {
  /** Where the assembly goes: templates and assets. Made if it is not there. */
  readonly outdir: string;
  /** `bundle` is what is deployed and takes seconds to make, `stub` an empty file for tests that look at the template only. @default 'bundle' */
  readonly code?: 'bundle' | 'stub';
  /** @default the time of the call */
  readonly now?: Date;
  readonly context?: Readonly<Record<string, unknown>>;
  /** Validates the template, as cdk-nag does. */
  readonly plugins?: Parameters<Validations['addPlugins']>;
}

export interface Synthesized {
  readonly template: Template;
  /** The assembly: `outdir` with the template `{stackName}.template.json` and the assets `asset.{hash}`. */
  readonly directory: string;
  readonly stack: ReplicationStack;
  /** Folder of the code of an integration's functions, as deployed: bundle and configuration. */
  readonly codeFolder: (integration: string) => string;
}

/** Synthesizes the stack of a configuration (YAML text, or the path of a file) as `bin/app.ts` does, in this process and without the CLI. */
export async function synthesize(config: string, options: SynthesizeOptions): Promise<Synthesized> {
  const { outdir, code = 'bundle', now, context = {}, plugins = [] } = options;
  const isText = config.includes('\n');
  const { config: loaded } = loadConfigText(isText ? config : readFileSync(config, 'utf8'), isText ? 'backstitch.yaml' : config);
  const staging = join(outdir, 'staging');
  const bundle = join(staging, '_bundle');
  mkdirSync(bundle, { recursive: true });
  if (code === 'bundle') await makeBundle(bundle);
  else writeFileSync(join(bundle, 'index.mjs'), '');

  const app = new App({ outdir, context: { ...context } });
  if (plugins.length > 0) Validations.of(app).addPlugins(...plugins);
  const folderOf = (integration: string): string => join(staging, integration);
  const stack = new ReplicationStack(app, 'Backstitch', {
    config: loaded,
    aws: loaded.aws ?? resolveAws(),
    codeOf: (integration) => stageCode({ bundle, config: loaded, integration, folder: folderOf(integration) }),
    ...(now === undefined ? {} : { now }),
  });
  const { directory } = app.synth();
  return { template: Template.fromStack(stack), directory, stack, codeFolder: folderOf };
}

async function makeBundle(folder: string): Promise<void> {
  const script = pathToFileURL(join(import.meta.dirname, '../../../scripts/bundle.mjs')).href;
  const { bundle } = (await import(script)) as { readonly bundle: (folder: string) => Promise<unknown> };
  await bundle(folder);
}
