import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import type { Config } from '../functions/engine/config/config.ts';
import { loadConfig } from '../functions/engine/config/load.ts';
import { resolveAws } from '../functions/engine/config/schema-aws.ts';
import { ReplicationError } from '../functions/engine/model/errors.ts';
import { idleMonthlyCost } from '../functions/engine/report/cost.ts';
import { fireTimes } from '../functions/engine/schedule/fire-times.ts';
import { idleNumbers } from '../lib/idle-parts.ts';
import { ReplicationStack } from '../lib/replication-stack.ts';
import { stageCode } from '../lib/stage-code.ts';

const DEFAULT_FILE = 'backstitch.yaml';
const NO_CONFIGURATION = `There is no ${DEFAULT_FILE} in ${process.cwd()}.
Begin with the example: cp examples/aws/backstitch.yaml . and replace what is yours; or name your file: -c config=path.yaml.
To see the stack of the example without deploying it: npx cdk synth -c config=examples/aws/backstitch.yaml`;

/** Makes the stack of one configuration file: `npx cdk deploy -c config=backstitch.yaml`. Looks nothing up, so it works offline. */
async function main(): Promise<void> {
  const app = new App();
  const path: unknown = app.node.tryGetContext('config');
  const given = typeof path === 'string' && path !== '' ? path : undefined;
  if (given === undefined && !existsSync(DEFAULT_FILE)) {
    // Never the example unasked: what is synthesized is deployed by the same command.
    say(NO_CONFIGURATION);
    process.exitCode = 1;
    return;
  }
  const { config, warnings } = await loadConfig(given ?? DEFAULT_FILE, new AbortController().signal);
  for (const warning of warnings) say(`Warning: ${warning}`);

  const staging = join(app.outdir, 'staging');
  const bundle = join(staging, '_bundle');
  await mkdir(bundle, { recursive: true });
  await makeBundle(bundle);
  const now = new Date();
  const stack = new ReplicationStack(app, 'Backstitch', {
    config,
    aws: config.aws ?? resolveAws(),
    codeOf: (integration) => stageCode({ bundle, config, integration, folder: join(staging, integration) }),
    now,
  });
  app.synth();
  sayTimes(config, now);
  const { total, lines, prices } = idleMonthlyCost(idleNumbers(stack, now));
  say(`Idle, the stack costs about $${total.toFixed(2)} a month (prices of ${prices}, free tier not counted):`);
  for (const { what, quantity, perMonth } of lines) say(`  ${perMonth.toFixed(2).padStart(8)}  ${what}: ${String(quantity)}`);
}

const SHOWN_TIMES = 5;

function sayTimes({ integrations }: Config, now: Date): void {
  for (const { name, schedule } of integrations) {
    const times = schedule === undefined ? [] : fireTimes(schedule, now, SHOWN_TIMES).map((time) => time.toISOString());
    say(`${name} starts ${times.length === 0 ? 'by hand only' : `at ${times.join(', ')}`}`);
  }
}

async function makeBundle(folder: string): Promise<void> {
  // By its address, since it is a script and no part of the sources.
  const script: unknown = await import(new URL('../scripts/bundle.mjs', import.meta.url).href);
  if (!isBundler(script)) throw new TypeError('scripts/bundle.mjs has no function bundle');
  await script.bundle(folder);
}

function isBundler(script: unknown): script is { readonly bundle: (folder: string) => Promise<unknown> } {
  return typeof script === 'object' && script !== null && 'bundle' in script && typeof script.bundle === 'function';
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof ReplicationError)) throw error;
  say(`${error.message}\n${error.remedy}`);
  process.exitCode = 1;
}
