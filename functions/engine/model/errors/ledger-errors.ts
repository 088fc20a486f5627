import type { ErrorSpec } from './error-spec.ts';

/** Errors of the state store. In the order of a job. */
export const LEDGER_ERRORS = {
  'ledger-missing': {
    summary: 'The state store {url} does not exist.',
    remedy: 'Create the table (or mount the folder), or correct state.url.',
    retry: 'after-fix',
  },
  'ledger-forbidden': {
    summary: 'The state store {url} refuses {operation} ({reason}).',
    remedy:
      'Grant dynamodb:GetItem, BatchGetItem, Query, PutItem, UpdateItem and DeleteItem on the table (or write permission on the folder).',
    retry: 'after-fix',
  },
  'ledger-failed': {
    summary: 'The state store {url} failed at {operation} ({reason}).',
    remedy: 'The next run continues from the last checkpoint; if it repeats, check the service and the network.',
    retry: 'next-run',
  },
  'ledger-damaged': {
    summary: 'The item "{item}" of the state store {url} cannot be read: {reason}.',
    remedy: 'Restore the state store from a backup, or run: backstitch reset --integration {integration}.',
    retry: 'after-fix',
  },
} as const satisfies Record<string, ErrorSpec>;
