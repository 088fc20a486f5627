import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { vi } from 'vitest';
import { startDynamo } from '../../support/dynamodb.ts';
import type { ServerAddress } from '../../support/postgres.ts';
import { startS3 } from '../../support/s3.ts';
import type { TestS3 } from '../../support/s3.ts';
import { load, openTestWorkspace } from '../../support/workspace.ts';
import type { IntegrationYaml, Loaded, TestWorkspace } from '../../support/workspace.ts';
import { openDynamoGate } from './dynamo-gate.ts';
import type { DynamoGate } from './dynamo-gate.ts';

/** What a process finds in its environment when it is to use the emulators: the SDK reads it by itself. */
export type CloudEnv = Readonly<Record<string, string>>;

/** An S3 and a DynamoDB on this machine, found through the environment as the real ones are. */
export interface Cloud extends AsyncDisposable {
  readonly s3: TestS3;
  readonly dynamo: DynamoGate;
  readonly table: string;
  readonly env: CloudEnv;
  /** Ids of all items of the ledger, without the protocol's help. */
  items(): Promise<readonly string[]>;
}

/** Starts both. The environment of this process points at them until the test ends. */
export async function startCloud({ directory }: { readonly directory?: string } = {}): Promise<Cloud> {
  const s3 = await startS3(directory === undefined ? {} : { directory });
  const emulator = await startDynamo();
  const table = await emulator.createTable();
  const dynamo = await openDynamoGate(emulator.endpoint);
  const client = emulator.client();
  const env = {
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'not-a-real-secret',
  };
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  return {
    s3,
    dynamo,
    table,
    env,
    items: async () => {
      const { Items = [] } = await client.send(new ScanCommand({ TableName: table, ConsistentRead: true }));
      return Items.map((item) => item['sk']?.S ?? '').sort();
    },
    [Symbol.asyncDispose]: async () => {
      vi.unstubAllEnvs();
      await dynamo[Symbol.asyncDispose]();
      await emulator[Symbol.asyncDispose]();
      await s3[Symbol.asyncDispose]();
    },
  };
}

/** A workspace whose destination and state are in the cloud. */
export async function openCloudWorkspace(
  cloud: Pick<Cloud, 's3' | 'table'>,
  server: ServerAddress & { readonly database: string },
  yaml: IntegrationYaml,
  urls: { readonly destination?: string; readonly state?: string } = {},
): Promise<TestWorkspace> {
  const { destination = `s3://${cloud.s3.bucket}/postgres`, state = `dynamodb://${cloud.table}` } = urls;
  const workspace = await openTestWorkspace(server, yaml);
  const text = await readFile(workspace.configPath, 'utf8');
  await writeFile(workspace.configPath, text.replace('url: file:./out', `url: ${destination}`).replace('file:./state', state));
  return workspace;
}

/** What a careful loader has after it read all reports: see `load`. */
export async function loadFromCloud(cloud: Pick<Cloud, 's3'>, workspace: TestWorkspace): Promise<Loaded> {
  for (const [key, object] of cloud.s3.store.objects) {
    const path = join(workspace.folder, 'out', key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, Buffer.concat(await Promise.all(object.blobs.map((blob) => blob.read()))));
  }
  return load(workspace.folder, await workspace.reports());
}
