import { openDynamoStore } from '../../functions/engine/ledger/dynamodb/dynamodb-store.ts';
import { ledgerContract } from '../contract/ledger.suite.ts';
import { ledgerStoreContract } from '../contract/ledger-store.suite.ts';
import type { StoreUnderTest } from '../contract/ledger-store.suite.ts';
import { startDynamo } from '../support/dynamodb.ts';

async function startTable(): Promise<StoreUnderTest> {
  const server = await startDynamo();
  const table = await server.createTable();
  return {
    open: () => openDynamoStore({ table, url: 'dynamodb://ledger', client: server.client() }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

ledgerStoreContract('a table', startTable);
ledgerContract('a table', startTable);
