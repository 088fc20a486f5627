import { describe } from 'vitest';
import type { StoreUnderTest } from './ledger-store.suite.ts';
import { ledgerCommitsContract } from './ledger-commits.suite.ts';
import { ledgerCrashContract } from './ledger-crash.suite.ts';
import { ledgerLeaseContract } from './ledger-lease.suite.ts';
import { ledgerRecordsContract } from './ledger-records.suite.ts';
import { ledgerWorkContract } from './ledger-work.suite.ts';

/** What a ledger must do on every store. */
export function ledgerContract(name: string, start: () => Promise<StoreUnderTest>): void {
  describe(`a ledger on ${name}`, () => {
    ledgerLeaseContract(start);
    ledgerCommitsContract(start);
    ledgerCrashContract(start);
    ledgerRecordsContract(start);
    ledgerWorkContract(start);
  });
}
