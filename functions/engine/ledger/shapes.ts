import type { Control, Head, JobRecord, JobStart, Json, LastCommit } from './ledger.ts';
import { isObject } from './items.ts';

/** Who works for an integration. Stays when it is released, so that epochs go on. */
export interface LeaseItem {
  readonly state: 'held' | 'released';
  readonly job: string;
  readonly epoch: number;
  /** ISO 8601. */
  readonly expiresAt: string;
  /** The process that took it, where that is known: see `LeaseOwner`. */
  readonly owner?: string;
  /** How its job began, for the time in which the job has no record. */
  readonly start?: JobStart;
}

/** A head as it is kept: its id is its key. */
export type HeadItem = Omit<Head, 'id'>;

export function isLease(value: unknown): value is LeaseItem {
  return (
    isObject(value) &&
    (value['state'] === 'held' || value['state'] === 'released') &&
    typeof value['job'] === 'string' &&
    Number.isSafeInteger(value['epoch']) &&
    typeof value['expiresAt'] === 'string' &&
    !Number.isNaN(Date.parse(value['expiresAt'])) &&
    (value['start'] === undefined || isJobStart(value['start']))
  );
}

export function isHead(value: unknown): value is HeadItem {
  return (
    isObject(value) &&
    ['fence', 'batch', 'epoch'].every((name) => Number.isSafeInteger(value[name])) &&
    typeof value['job'] === 'string' &&
    'bookmark' in value &&
    (value['lastCommit'] === undefined || isCommit(value['lastCommit']))
  );
}

export function isCommit(value: unknown): value is LastCommit {
  return (
    isObject(value) &&
    typeof value['head'] === 'string' &&
    typeof value['job'] === 'string' &&
    Number.isSafeInteger(value['batch']) &&
    Number.isSafeInteger(value['fence']) &&
    (Array.isArray(value['tables']) || isPages(value['pages']))
  );
}

function isPages(value: unknown): boolean {
  return isObject(value) && typeof value['generation'] === 'string' && Number.isSafeInteger(value['count']);
}

export function isControl(value: unknown): value is Control {
  return isObject(value);
}

export function isJobRecord(value: unknown): value is JobRecord {
  return (
    isObject(value) &&
    typeof value['job'] === 'string' &&
    typeof value['state'] === 'string' &&
    typeof value['startedAt'] === 'string'
  );
}

function isJobStart(value: unknown): value is JobStart {
  return (
    isObject(value) &&
    typeof value['trigger'] === 'string' &&
    typeof value['startedAt'] === 'string' &&
    (value['execution'] === undefined || typeof value['execution'] === 'string')
  );
}

/** A document as it is kept: in an object, since `null` is a document too. */
export function isDocument(value: unknown): value is { readonly value: Json } {
  return isObject(value) && 'value' in value;
}
