import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configFile } from '../contract.ts';
import type { Config, IntegrationConfig } from '../engine/config/config.ts';
import { unpackConfig } from '../engine/config/packed-config.ts';
import { createDynamoClient } from '../engine/ledger/dynamodb/dynamodb-client.ts';
import { openDynamoStore } from '../engine/ledger/dynamodb/dynamodb-store.ts';
import type { LedgerStore } from '../engine/ledger/store.ts';
import { ReplicationError } from '../engine/model/errors.ts';
import { createS3Client } from '../engine/sink/s3/s3-client.ts';
import { openS3Sink } from '../engine/sink/s3/s3-sink.ts';
import type { Sink } from '../engine/sink/sink.ts';
import { placesOf } from './places.ts';
import type { Places } from './places.ts';
import { Tally } from './tally.ts';

/** What a function keeps from one invocation to the next: configuration, clients with their connections, counters. Nothing in it runs between invocations. */
export interface Sandbox extends AsyncDisposable {
  readonly config: Config;
  readonly integration: IntegrationConfig;
  readonly places: Places;
  readonly env: Env;
  readonly sink: Sink;
  readonly store: LedgerStore;
  readonly tally: Tally;
  /** Writes one line to the function's log. */
  readonly print: (line: string) => void;
  /** Milliseconds that starting took, which are paid for; 0 from the second call on. */
  takeStartUpMs(): number;
}

export type Env = Readonly<Record<string, string | undefined>>;

/** Reads the configuration in `folder` and makes the clients; nothing is asked of AWS yet. Throws `packed-config-unreadable`, `place-not-for-aws`. */
export async function openSandbox(options: {
  readonly folder: string;
  readonly env: Env;
  readonly print: (line: string) => void;
  /** @default 0 */
  readonly startUpMs?: number;
}): Promise<Sandbox> {
  const { folder, env, print } = options;
  const { config, integration } = unpackConfig(await configText(folder), folder);
  const places = placesOf(config, env);
  const tally = new Tally();
  const s3 = createS3Client();
  const dynamodb = createDynamoClient();
  tally.watchS3(s3);
  tally.watchDynamo(dynamodb);
  let startUpMs = options.startUpMs ?? 0;
  return {
    config,
    integration,
    places,
    env,
    sink: openS3Sink({ ...places.destination, objectBytes: config.destination.rotateBytes, client: s3 }),
    store: openDynamoStore({ ...places.state, client: dynamodb }),
    tally,
    print,
    takeStartUpMs: () => {
      const taken = startUpMs;
      startUpMs = 0;
      return taken;
    },
    [Symbol.asyncDispose]: () => {
      s3.destroy();
      dynamodb.destroy();
      return Promise.resolve();
    },
  };
}

async function configText(folder: string): Promise<string> {
  try {
    return await readFile(join(folder, configFile), 'utf8');
  } catch (cause) {
    throw new ReplicationError('packed-config-unreadable', { folder, reason: 'it is not there' }, { cause });
  }
}
