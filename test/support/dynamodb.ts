import { createRequire } from 'node:module';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';

/** An emulator of DynamoDB in this process, in memory, on a free port of 127.0.0.1. */
export interface DynamoServer extends AsyncDisposable {
  readonly endpoint: string;
  /** A client for it; destroyed with the server. */
  client(config?: DynamoDBClientConfig): DynamoDBClient;
  /** Makes a table with the keys of a ledger and gives its name. */
  createTable(name?: string): Promise<string>;
}

type Dynalite = (options: { readonly createTableMs: number; readonly deleteTableMs: number }) => Server;

/** Starts an emulator. */
export async function startDynamo(): Promise<DynamoServer> {
  const dynalite = createRequire(import.meta.url)('dynalite') as Dynalite;
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clients: DynamoDBClient[] = [];
  const client = (config: DynamoDBClientConfig = {}): DynamoDBClient => {
    const made = new DynamoDBClient({
      endpoint,
      region: 'eu-central-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      ...config,
    });
    clients.push(made);
    return made;
  };
  let tables = 0;
  return {
    endpoint,
    client,
    createTable: async (name = `ledger-${++tables}`) => {
      await client().send(
        new CreateTableCommand({
          TableName: name,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: [
            { AttributeName: 'pk', AttributeType: 'S' },
            { AttributeName: 'sk', AttributeType: 'S' },
          ],
          KeySchema: [
            { AttributeName: 'pk', KeyType: 'HASH' },
            { AttributeName: 'sk', KeyType: 'RANGE' },
          ],
        }),
      );
      return name;
    },
    [Symbol.asyncDispose]: async () => {
      for (const made of clients) made.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve, reject) => {
        server.close((error) => (error instanceof Error ? reject(error) : resolve()));
      });
    },
  };
}
