import { ReplicationError } from '../../model/errors.ts';
import type { Connection } from './connection.ts';

/** For what a pooler cannot carry: slots are read by a session that belongs to the reader for as long as it reads. Throws `pooler-in-the-way`. */
export function refusePooler(connection: Connection): void {
  if (connection.transactionSettings !== '') throw new ReplicationError('pooler-in-the-way', connection.endpoint);
}
