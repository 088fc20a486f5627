import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Whether PostgreSQL 15 of the tests can load wal2json: `node scripts/install-wal2json.mjs` puts it there. */
export function hasWal2json(): boolean {
  return existsSync(fileURLToPath(new URL('../../node_modules/pg15/native/lib/postgresql/wal2json.so', import.meta.url)));
}
