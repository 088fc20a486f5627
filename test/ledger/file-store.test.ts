import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileStore } from '../../functions/engine/ledger/file/file-store.ts';
import { ledgerContract } from '../contract/ledger.suite.ts';
import { ledgerStoreContract } from '../contract/ledger-store.suite.ts';
import type { StoreUnderTest } from '../contract/ledger-store.suite.ts';

async function startFolder(): Promise<StoreUnderTest> {
  const root = await mkdtemp(join(tmpdir(), 'ledger-'));
  return {
    open: () => openFileStore({ folder: join(root, 'state', 'deep'), url: 'file:./state' }),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

ledgerStoreContract('a folder', startFolder);
ledgerContract('a folder', startFolder);
