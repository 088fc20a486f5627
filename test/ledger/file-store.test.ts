import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LedgerStore } from '../../functions/engine/ledger/store.ts';
import { openFileStore } from '../../functions/engine/ledger/file/file-store.ts';
import { ledgerContract } from '../contract/ledger.suite.ts';
import { ledgerStoreContract } from '../contract/ledger-store.suite.ts';
import type { StoreUnderTest } from '../contract/ledger-store.suite.ts';

async function startFolder(): Promise<StoreUnderTest> {
  const root = await mkdtemp(join(tmpdir(), 'ledger-'));
  const open = (): LedgerStore => openFileStore({ folder: join(root, 'state', 'deep'), url: 'file:./state' });
  return {
    open,
    fill: async (partition, items) => {
      await using store = open();
      for (let start = 0; start < items.length; start += 200) {
        await Promise.all(items.slice(start, start + 200).map(({ id, body }) => store.put(partition, id, body, 0)));
      }
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

ledgerStoreContract('a folder', startFolder);
ledgerContract('a folder', startFolder);
