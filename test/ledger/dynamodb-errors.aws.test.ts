import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateTableCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDynamoClient } from '../../functions/engine/ledger/dynamodb/dynamodb-client.ts';
import { openDynamoStore } from '../../functions/engine/ledger/dynamodb/dynamodb-store.ts';
import type { DynamoStore } from '../../functions/engine/ledger/dynamodb/dynamodb-store.ts';
import { openLedger } from '../../functions/engine/ledger/open-ledger.ts';
import { silentLogger } from '../../functions/engine/runtime/logger.ts';
import { ManualClock } from '../contract/ledger-clock.ts';
import { acquired, batch, codeOf } from '../contract/ledger-fixture.ts';
import { startDynamo } from '../support/dynamodb.ts';
import type { DynamoServer } from '../support/dynamodb.ts';

const signal = new AbortController().signal;
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
let server: DynamoServer;
let table: string;

beforeAll(async () => {
  server = await startDynamo();
  table = await server.createTable();
});
afterAll(() => server[Symbol.asyncDispose]());

function storeOn(client: DynamoDBClient, name = table): DynamoStore {
  return openDynamoStore({ table: name, url: 'dynamodb://ledger', client });
}

/** A client that loses the answer of the n-th attempt it makes, after the service has done what it asked. */
function forgetful(lost: number): { readonly client: DynamoDBClient; readonly attempts: () => number } {
  const client = server.client({ maxAttempts: 3 });
  let attempts = 0;
  client.middlewareStack.add(
    (next) => async (args) => {
      const answer = await next(args);
      attempts += 1;
      if (attempts === lost) throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError', code: 'ECONNRESET' });
      return answer;
    },
    { step: 'deserialize', priority: 'low' },
  );
  return { client, attempts: () => attempts };
}

describe('an answer that is lost', () => {
  test('of a put that was done: the second try is refused by the first, and that is a success', async () => {
    const { client, attempts } = forgetful(1);
    const store = storeOn(client);

    const made = await store.put('lost', 'a', '1', 0);

    if (made.state === 'refused') throw new Error('refused');
    // The put, the put again, and the read of what refused it.
    expect(attempts()).toBe(3);
    expect(await storeOn(server.client()).get('lost', 'a')).toEqual(made.item);
    expect((await store.put('lost', 'a', '2', made.item.revision)).state).toBe('written');
  });

  test('of a put over an item', async () => {
    const made = await storeOn(server.client()).put('lost', 'b', '1', 0);
    if (made.state === 'refused') throw new Error('refused');

    const written = await storeOn(forgetful(1).client).put('lost', 'b', '2', made.item.revision);

    expect(written).toEqual({ state: 'written', item: { id: 'b', revision: made.item.revision + 1, body: '2' } });
  });

  test('the same body put by somebody else is no success', async () => {
    const made = await storeOn(server.client()).put('lost', 'c', 'same', 0);

    expect(await storeOn(server.client()).put('lost', 'c', 'same', 0)).toEqual({
      state: 'refused',
      current: made.state === 'written' ? made.item : undefined,
    });
  });
});

describe('a table that cannot be used', () => {
  test('is missing', async () => {
    const store = storeOn(server.client(), 'no-such-table');

    expect(await codeOf(store.check(signal))).toBe('ledger-missing');
    expect(await codeOf(store.put('p', 'a', '1', 0))).toBe('ledger-missing');
    await expect(store.get('p', 'a')).rejects.toThrow('The state store dynamodb://ledger does not exist.');
  });

  test('has other keys', async () => {
    const client = server.client();
    await client.send(
      new CreateTableCommand({
        TableName: 'other-keys',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      }),
    );

    await expect(storeOn(client, 'other-keys').check(signal)).rejects.toThrow(
      'its partition key must be "pk" and its sort key "sk"',
    );
  });

  test.each([
    ['AccessDeniedException', 'ledger-forbidden'],
    ['UnrecognizedClientException', 'ledger-forbidden'],
    ['ResourceNotFoundException', 'ledger-missing'],
    ['InternalServerError', 'ledger-failed'],
  ])('%s is %s, without the text of AWS', async (type, code) => {
    const refusing = createServer((_, response) => {
      response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(
        JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: 'User: arn:aws:iam::123456789012:user/x' }),
      );
    });
    refusing.listen(0, '127.0.0.1');
    await once(refusing, 'listening');
    const { port } = refusing.address() as AddressInfo;
    const client = createDynamoClient({
      endpoint: `http://127.0.0.1:${port}`,
      region: 'eu-central-1',
      credentials,
      maxAttempts: 1,
    });

    const error = await storeOn(client).put('p', 'a', '1', 0).then(String, String);
    const found = await codeOf(storeOn(client).check(signal));

    client.destroy();
    refusing.closeAllConnections();
    refusing.close();
    expect(found).toBe(code);
    expect(error).not.toContain('123456789012');
    if (code !== 'ledger-missing') expect(error).toContain(`PutItem (${type})`);
  });

  test('cannot be reached', async () => {
    const client = createDynamoClient({ endpoint: 'http://127.0.0.1:1', region: 'eu-central-1', credentials, maxAttempts: 1 });

    await expect(storeOn(client).get('p', 'a')).rejects.toThrow(
      'The state store dynamodb://ledger failed at GetItem (Error ECONNREFUSED).',
    );

    client.destroy();
  });
});

test('its check writes nothing', async () => {
  const name = await server.createTable();

  await storeOn(server.client(), name).check(signal);

  expect((await server.client().send(new ScanCommand({ TableName: name }))).Count).toBe(0);
});

test('says how many requests it made: what a job costs is known', async () => {
  const clock = new ManualClock();
  const store = storeOn(server.client());
  const ledger = openLedger(store, 'costs', { clock, logger: silentLogger, alarm: clock.alarm });
  const costs: Record<string, number> = {};
  const counted = async <T>(name: string, act: () => Promise<T>): Promise<T> => {
    const before = store.requests;
    const result = await act();
    costs[name] = store.requests - before;
    return result;
  };

  const lease = await counted('acquire', () => acquired(ledger, 'job-1'));
  const claim = await counted('claim a new head', () => lease.claim('h', 'w'));
  await counted('first commit', () => claim.commit(batch('one')));
  await counted('next commit', () => claim.commit(batch('two')));
  await counted('claim a head', () => lease.claim('h', 'w'));
  await counted('save work', () => ledger.saveWork('job-1', ['a', 'b']));
  const work = await counted('open work', () => ledger.work('job-1'));
  await counted('take a unit', () => work.take('w', 1));
  await counted('take the next', () => work.take('w', 1));
  await counted('save a short report', () => ledger.saveReport('job-1', '{}'));
  await counted('read it', () => ledger.report('job-1'));
  await counted('list documents', () => ledger.documents(''));
  await counted('release', () => lease.release());

  expect(costs).toEqual({
    acquire: 2,
    'claim a new head': 3,
    'first commit': 1,
    'next commit': 2,
    'claim a head': 2,
    'save work': 3,
    'open work': 1,
    'take a unit': 3,
    'take the next': 1,
    'save a short report': 2,
    'read it': 1,
    'list documents': 1,
    release: 2,
  });
});
