import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DeleteTableCommand } from '@aws-sdk/client-dynamodb';
import { startDynamo } from '../support/dynamodb.ts';
import { startS3 } from '../support/s3.ts';
import type { ServerAddress } from '../support/test-database.ts';
import { openTestWorkspace } from '../support/workspace.ts';
import type { IntegrationYaml, TestWorkspace } from '../support/workspace.ts';
import type { Column } from './columns.ts';

/** An emulated S3 and DynamoDB that the environment of this process, and with it that of its children, points at. */
export interface Stores extends AsyncDisposable {
  /** A configuration with ledger and sink of its own, in a fresh place of the store that is asked for. */
  openPlace(store: Column['store'], server: ServerAddress & { readonly database: string }, yaml: IntegrationYaml): Promise<Place>;
}

/** Where one cell of the matrix replicates to. */
export interface Place extends AsyncDisposable {
  readonly workspace: TestWorkspace;
  /** Names of everything in the sink, unfinished uploads as `upload <name>`; contents of objects are in the workspace's `out` folder then. */
  contents(): Promise<readonly string[]>;
}

/** Starts both emulators. `directory` keeps what objects hold on disk. */
export async function openStores(options: { readonly directory?: string } = {}): Promise<Stores> {
  const s3 = await startS3(options);
  const dynamo = await startDynamo();
  const client = dynamo.client();
  const before = { ...process.env };
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'not-a-real-secret',
  });
  let places = 0;
  return {
    openPlace: async (store, server, yaml) => {
      const workspace = await openTestWorkspace(server, yaml);
      const out = join(workspace.folder, 'out');
      if (store === 'folder')
        return { workspace, contents: () => filesBelow(out), [Symbol.asyncDispose]: () => workspace[Symbol.asyncDispose]() };

      places += 1;
      const prefix = `place${String(places)}`;
      const text = await readFile(workspace.configPath, 'utf8');
      const table = await dynamo.createTable();
      await writeFile(
        workspace.configPath,
        text.replace('url: file:./out', `url: s3://${s3.bucket}/${prefix}`).replace('file:./state', `dynamodb://${table}`),
      );
      const own = (key: string): boolean => key.startsWith(`${prefix}/`);
      return {
        workspace,
        contents: async () => {
          const objects = [...s3.store.objects].filter(([key]) => own(key));
          for (const [key, { blobs }] of objects) {
            await mkdir(dirname(join(out, key)), { recursive: true });
            await writeFile(join(out, key), Buffer.concat(await Promise.all(blobs.map((blob) => blob.read()))));
          }
          const uploads = [...s3.store.uploads.values()].filter(({ key }) => own(key)).map(({ key }) => `upload ${key}`);
          return [...objects.map(([key]) => key), ...uploads];
        },
        [Symbol.asyncDispose]: async () => {
          for (const [key, { blobs }] of [...s3.store.objects]) {
            if (!own(key)) continue;
            s3.store.objects.delete(key);
            for (const blob of blobs) await blob.drop();
          }
          await client.send(new DeleteTableCommand({ TableName: table }));
          await workspace[Symbol.asyncDispose]();
        },
      };
    },
    [Symbol.asyncDispose]: async () => {
      process.env = before;
      await dynamo[Symbol.asyncDispose]();
      await s3[Symbol.asyncDispose]();
    },
  };
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name).slice(folder.length + 1);
      return entry.name.startsWith('_tmp-') ? `upload ${path}` : path;
    });
}
