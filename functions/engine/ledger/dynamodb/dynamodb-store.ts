import { randomUUID } from 'node:crypto';
import {
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import type { AttributeValue, DynamoDBClient, QueryCommandOutput } from '@aws-sdk/client-dynamodb';
import { systemClock } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { firstRevision } from '../store.ts';
import type { Item, LedgerStore, ListQuery, Written } from '../store.ts';
import { asLedgerError } from './dynamodb-error.ts';

/** A ledger store in DynamoDB that counts what it asks for. */
export interface DynamoStore extends LedgerStore {
  /** Calls of the service made so far, the SDK's own retries not counted. */
  readonly requests: number;
}

interface DynamoStoreOptions {
  /** Its partition key is `pk` (string), its sort key `sk` (string). Nothing else is needed: no index, no TTL, no stream. */
  readonly table: string;
  /** As configured, for messages. */
  readonly url: string;
  /** Belongs to the caller, with its timeouts and retries; it is not destroyed with the store. */
  readonly client: DynamoDBClient;
  /** For waits between attempts. @default the system's */
  readonly clock?: Clock;
}

type Attributes = Record<string, AttributeValue>;

/** Most keys that one BatchGetItem takes (DynamoDB API reference). */
const BATCH_KEYS = 100;
const BACKOFF_MS = { first: 50, most: 5_000 } as const;

/**
 * Opens a table. Each item has the attributes `revision` (N), `body` (S) and `w` (S), a random id of the write: when the SDK sends a conditional write again whose answer was lost,
 * the second try is refused by the first one's success, and `w` tells so.
 */
export function openDynamoStore(options: DynamoStoreOptions): DynamoStore {
  return new TableStore(options);
}

class TableStore implements DynamoStore {
  readonly url: string;
  readonly #table: string;
  readonly #client: DynamoDBClient;
  readonly #clock: Clock;
  #requests = 0;

  constructor({ table, url, client, clock = systemClock }: DynamoStoreOptions) {
    this.url = url;
    this.#table = table;
    this.#client = client;
    this.#clock = clock;
  }

  get requests(): number {
    return this.#requests;
  }

  async check(signal: AbortSignal): Promise<void> {
    const key = { pk: { S: '#check' }, sk: { S: 'check' } };
    // Conditions that are never true: permission and key schema are checked, nothing is written.
    const never = { TableName: this.#table, ConditionExpression: 'attribute_exists(pk) and attribute_not_exists(pk)' };
    const options = { abortSignal: signal };
    const refused = (error: unknown): void => {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    };
    await this.#call('GetItem', () => this.#client.send(new GetItemCommand({ TableName: this.#table, Key: key }), options));
    await this.#call('Query', () =>
      this.#client.send(new QueryCommand({ ...this.#partition('#check'), KeyConditionExpression: 'pk = :p', Limit: 1 }), options),
    );
    await this.#call('BatchGetItem', () =>
      this.#client.send(new BatchGetItemCommand({ RequestItems: { [this.#table]: { Keys: [key] } } }), options),
    );
    await this.#call('PutItem', () => this.#client.send(new PutItemCommand({ ...never, Item: key }), options).catch(refused));
    await this.#call('DeleteItem', () =>
      this.#client.send(new DeleteItemCommand({ ...never, Key: key }), options).catch(refused),
    );
  }

  async get(partition: string, id: string): Promise<Item | undefined> {
    const found = await this.#getAttributes(partition, id);
    return found === undefined ? undefined : toItem(found);
  }

  async getMany(partition: string, ids: readonly string[]): Promise<ReadonlyMap<string, Item>> {
    const wanted = [...new Set(ids)];
    const items = new Map<string, Item>();
    for (let start = 0; start < wanted.length; start += BATCH_KEYS) {
      const keys = wanted.slice(start, start + BATCH_KEYS).map((id) => ({ pk: { S: partition }, sk: { S: id } }));
      for await (const attributes of this.#batch(keys)) {
        const item = toItem(attributes);
        items.set(item.id, item);
      }
    }
    return items;
  }

  async *list(partition: string, { prefix, after, descending = false, limit }: ListQuery): AsyncIterable<Item> {
    let left = limit ?? Number.POSITIVE_INFINITY;
    if (left <= 0) return;
    let start = startKey(partition, { prefix, after, descending });
    if (start === 'nothing') return;
    do {
      const exclusiveStart: Attributes | undefined = start;
      const page: QueryCommandOutput = await this.#call('Query', () =>
        this.#client.send(
          new QueryCommand({
            ...this.#partition(partition, prefix),
            ConsistentRead: true,
            ScanIndexForward: !descending,
            ...(Number.isFinite(left) ? { Limit: left } : {}),
            ...(exclusiveStart === undefined ? {} : { ExclusiveStartKey: exclusiveStart }),
          }),
        ),
      );
      const found = page.Items ?? [];
      for (const attributes of found) yield toItem(attributes);
      left -= found.length;
      start = page.LastEvaluatedKey;
    } while (start !== undefined && left > 0);
  }

  async put(partition: string, id: string, body: string, expected: number): Promise<Written> {
    const write = randomUUID();
    const revision = expected === 0 ? firstRevision() : expected + 1;
    const item: Item = { id, revision, body };
    try {
      await this.#call('PutItem', () =>
        this.#client.send(
          new PutItemCommand({
            TableName: this.#table,
            Item: { pk: { S: partition }, sk: { S: id }, revision: { N: String(revision) }, body: { S: body }, w: { S: write } },
            ...condition(expected),
          }),
        ),
      );
      return { state: 'written', item };
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      const current = await this.#currentAfter(error, partition, id);
      if (current?.['w']?.S === write) return { state: 'written', item };
      return { state: 'refused', current: current === undefined ? undefined : toItem(current) };
    }
  }

  async remove(partition: string, id: string, expected: number): Promise<Written['state']> {
    try {
      await this.#call('DeleteItem', () =>
        this.#client.send(
          new DeleteItemCommand({ TableName: this.#table, Key: { pk: { S: partition }, sk: { S: id } }, ...condition(expected) }),
        ),
      );
      return 'written';
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      return 'refused';
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  /** Services other than DynamoDB's own leave the item out of the refusal: it is read then. */
  async #currentAfter(refusal: ConditionalCheckFailedException, partition: string, id: string): Promise<Attributes | undefined> {
    return refusal.Item?.['revision'] === undefined ? this.#getAttributes(partition, id) : refusal.Item;
  }

  async #getAttributes(partition: string, id: string): Promise<Attributes | undefined> {
    const answer = await this.#call('GetItem', () =>
      this.#client.send(
        new GetItemCommand({ TableName: this.#table, Key: { pk: { S: partition }, sk: { S: id } }, ConsistentRead: true }),
      ),
    );
    return answer.Item;
  }

  /** Keys that are left over (16 MB were full, or the table was busy) are asked for again, later and later. */
  async *#batch(keys: readonly Attributes[]): AsyncIterable<Attributes> {
    let left = keys;
    for (let delayMs: number = BACKOFF_MS.first; left.length > 0; delayMs = Math.min(delayMs * 2, BACKOFF_MS.most)) {
      const request = { [this.#table]: { Keys: [...left], ConsistentRead: true } };
      const answer = await this.#call('BatchGetItem', () =>
        this.#client.send(new BatchGetItemCommand({ RequestItems: request })),
      );
      const found = answer.Responses?.[this.#table] ?? [];
      yield* found;
      left = answer.UnprocessedKeys?.[this.#table]?.Keys ?? [];
      if (left.length > 0 && found.length === 0) await this.#clock.sleep(Math.random() * delayMs);
    }
  }

  #partition(partition: string, prefix = '') {
    const key = { TableName: this.#table, ExpressionAttributeValues: { ':p': { S: partition } } };
    if (prefix === '') return { ...key, KeyConditionExpression: 'pk = :p' };
    return {
      ...key,
      KeyConditionExpression: 'pk = :p and begins_with(sk, :s)',
      ExpressionAttributeValues: { ...key.ExpressionAttributeValues, ':s': { S: prefix } },
    };
  }

  async #call<T>(operation: string, send: () => Promise<T>): Promise<T> {
    this.#requests += 1;
    try {
      return await send();
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) throw error;
      throw asLedgerError(error, { url: this.url, operation });
    }
  }
}

function condition(expected: number) {
  const onRefusal = { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const };
  if (expected === 0) return { ConditionExpression: 'attribute_not_exists(pk)', ...onRefusal };
  return {
    ConditionExpression: '#revision = :expected',
    ExpressionAttributeNames: { '#revision': 'revision' },
    ExpressionAttributeValues: { ':expected': { N: String(expected) } },
    ...onRefusal,
  };
}

/** Where a query begins. DynamoDB refuses a start key outside of the prefix, so such a one is decided here. */
function startKey(
  partition: string,
  { prefix, after, descending }: { readonly prefix: string; readonly after: string | undefined; readonly descending: boolean },
): Attributes | undefined | 'nothing' {
  if (after === undefined) return undefined;
  if (after.startsWith(prefix) && after !== '') return { pk: { S: partition }, sk: { S: after } };
  const isBehind = Buffer.compare(Buffer.from(after), Buffer.from(prefix)) < 0;
  return isBehind === descending ? 'nothing' : undefined;
}

function toItem(attributes: Attributes): Item {
  return {
    id: attributes['sk']?.S ?? '',
    revision: Number(attributes['revision']?.N ?? 0),
    body: attributes['body']?.S ?? '',
  };
}
