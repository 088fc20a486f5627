import type { Lsn } from '../../../model/lsn.ts';

/** Messages of the replication protocol, inside of CopyData: https://www.postgresql.org/docs/current/protocol-replication.html */
export const REPLICATION = {
  /** w: position of what follows, end of the WAL, time; then what the plugin wrote. */
  data: 0x77,
  dataHeaderBytes: 25,
  /** k: position up to which everything was decoded and sent, time (microseconds since 2000-01-01), whether an answer is wanted at once. */
  keepAlive: 0x6b,
  keepAliveTimeAt: 9,
  keepAliveBytes: 18,
} as const;

const STATUS = 0x72; // r
/** Milliseconds from 1970-01-01 to PostgreSQL's epoch, 2000-01-01. */
const POSTGRES_EPOCH_MS = 946_684_800_000;

/**
 * A standby status update. All three positions are what was confirmed, and so durable with us: the server drops what lies before. 0 (nothing was confirmed in this session)
 * moves nothing. `reply: 'wanted'`: the server answers at once with how far it is.
 */
export function standbyStatus(confirmed: Lsn, reply: 'wanted' | 'not-needed'): Buffer {
  const message = Buffer.alloc(34);
  message[0] = STATUS;
  for (const at of [1, 9, 17]) message.writeBigUInt64BE(confirmed, at);
  message.writeBigInt64BE(BigInt(Date.now() - POSTGRES_EPOCH_MS) * 1000n, 25);
  message[33] = reply === 'wanted' ? 1 : 0;
  return message;
}
