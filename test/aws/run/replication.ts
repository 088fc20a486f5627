import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openDynamoStore } from '../../../functions/engine/ledger/dynamodb/dynamodb-store.ts';
import type { Ledger } from '../../../functions/engine/ledger/ledger.ts';
import { openLedger } from '../../../functions/engine/ledger/open-ledger.ts';
import { systemClock } from '../../../functions/engine/runtime/clock.ts';
import { silentLogger } from '../../../functions/engine/runtime/logger.ts';
import type { LoadingReport } from '../../../functions/engine/model/report.ts';
import { eventSource } from '../../../functions/contract.ts';
import type { ServerAddress } from '../../support/test-database.ts';
import { load } from '../../support/workspace.ts';
import type { Loaded } from '../../support/workspace.ts';
import { Account } from '../harness/account.ts';
import type { AccountOptions } from '../harness/account.ts';
import { isObject } from '../harness/json.ts';
import type { Json } from '../harness/json.ts';
import type { LambdaFunction } from '../harness/lambda-function.ts';
import { synthesize } from '../stack/synth.ts';

/** One integration, synthesized and deployed into an account of its own on this machine. */
export interface Deployment extends AsyncDisposable {
  readonly account: Account;
  /** Folder of the functions' code as it was synthesized. */
  readonly codeFolder: string;
  /** The ledger, as the CLI reaches it. */
  readonly ledger: Ledger;
  /** All reports in the bucket, oldest first, as a loader finds them. */
  reports(): Promise<readonly LoadingReport[]>;
  /** What a careful loader has after it read all reports. */
  load(): Promise<Loaded>;
}

const PASSWORD_SECRET = 'prod/shop';

/** Synthesizes a configuration of one integration named `shop` and opens an account with it. `lines` are YAML at the depth of the integration. */
export async function deploy(
  server: ServerAddress & { readonly database: string },
  yaml: { readonly lines: readonly string[]; readonly destination?: readonly string[] },
  options: Omit<AccountOptions, 'directory'> = {},
): Promise<Deployment> {
  const folder = await mkdtemp(join(tmpdir(), 'backstitch-aws-'));
  const { lines, destination = [] } = yaml;
  const config = [
    'destination:',
    '  url: s3://landing-bucket/postgres',
    ...destination.map((line) => `  ${line}`),
    'state: { url: "dynamodb://backstitch-ledger" }',
    'aws: { createBucket: true, secretsEndpoint: true }',
    'integrations:',
    '  - name: shop',
    `    connection: { host: ${server.host}, port: ${server.port}, database: ${server.database}, databases: [${server.database}], user: postgres, password: { secret: ${PASSWORD_SECRET} }, ssl: { mode: disable } }`,
    '    schedule: { every: 1 hour, anchor: "2026-01-01T02:00:00Z" }',
    ...lines.map((line) => `    ${line}`),
    '',
  ].join('\n');
  const { directory, codeFolder } = await synthesize(config, { outdir: join(folder, 'cdk.out') });
  const account = await Account.open({ directory, secrets: { [PASSWORD_SECRET]: 'not needed by this server' }, ...options });
  const { bucket, dynamo } = account.emulators;
  const store = openDynamoStore({ url: 'dynamodb://backstitch-ledger', table: 'backstitch-ledger', client: dynamo.client() });
  const bodyOf = async (key: string): Promise<Buffer> =>
    Buffer.concat(await Promise.all((bucket.objects.get(key)?.blobs ?? []).map((blob) => blob.read())));
  const reports = async (): Promise<readonly LoadingReport[]> => {
    const keys = [...bucket.objects.keys()].filter((key) => key.startsWith('postgres/shop/_reports/')).sort();
    return Promise.all(keys.map(async (key) => JSON.parse((await bodyOf(key)).toString('utf8')) as LoadingReport));
  };
  return {
    account,
    codeFolder: codeFolder('shop'),
    ledger: openLedger(store, 'shop', { clock: systemClock, logger: silentLogger }),
    reports,
    load: async () => {
      for (const key of bucket.objects.keys()) {
        const path = join(folder, 'out', key);
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, await bodyOf(key));
      }
      return load(folder, await reports());
    },
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await account[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What happened to a function's invocations: the state that each answered with, or its error. */
export function answers(called: LambdaFunction): readonly string[] {
  return called.invocations.map(({ result }) => {
    if (result.kind === 'refused') return result.code;
    if (result.kind === 'failed') return result.error.errorType;
    const { payload } = result;
    const state = isObject(payload) ? payload['state'] : null;
    return typeof state === 'string' ? state : JSON.stringify(payload);
  });
}

/** Details of the events that loaders got, by type. */
export function eventsOf({ account }: Deployment, detailType: string): readonly Json[] {
  return account.bus.events.flatMap((event) =>
    event['source'] === eventSource && event['detail-type'] === detailType ? [event['detail'] ?? null] : [],
  );
}

/** What functions asked for that their roles do not allow: `function action resource`. */
export function denials({ account }: Deployment): readonly string[] {
  return account.emulators
    .access()
    .filter(({ allowed }) => !allowed)
    .map(({ principal, action, resource }) => `${principal} ${action} ${resource}`);
}
