import { BatchWriteItemCommand } from '@aws-sdk/client-dynamodb';
import { openDynamoStore } from '../../functions/engine/ledger/dynamodb/dynamodb-store.ts';
import { ledgerContract } from '../contract/ledger.suite.ts';
import { ledgerStoreContract } from '../contract/ledger-store.suite.ts';
import type { StoreUnderTest } from '../contract/ledger-store.suite.ts';
import { startDynamo } from '../support/dynamodb.ts';

async function startTable(): Promise<StoreUnderTest> {
  const server = await startDynamo();
  const table = await server.createTable();
  const filler = server.client();
  return {
    open: () => openDynamoStore({ table, url: 'dynamodb://ledger', client: server.client() }),
    fill: async (partition, items) => {
      const puts = items.map(({ id, body }) => ({
        PutRequest: { Item: { pk: { S: partition }, sk: { S: id }, revision: { N: '1' }, body: { S: body }, w: { S: 'fill' } } },
      }));
      for (let start = 0; start < puts.length; start += 25) {
        await filler.send(new BatchWriteItemCommand({ RequestItems: { [table]: puts.slice(start, start + 25) } }));
      }
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

ledgerStoreContract('a table', startTable);
ledgerContract('a table', startTable);
