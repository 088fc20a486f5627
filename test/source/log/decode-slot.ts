import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Table } from '../../../functions/engine/model/catalog.ts';
import type { OutputPlugin } from '../../../functions/engine/model/log-change.ts';
import { parseLsn } from '../../../functions/engine/model/lsn.ts';
import type { Lsn } from '../../../functions/engine/model/lsn.ts';
import type { LogTable } from '../../../functions/engine/source/log.ts';
import type { PluginOption } from '../../../functions/engine/source/postgres/log/pgoutput-options.ts';
import { packageDirectory } from '../../support/postgres-packages.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { PINNED_SETTINGS } from '../../encode/copy-out.ts';

/** Whether wal2json was put beside the server of a major: scripts/install-wal2json.mjs does it for 15. */
export function hasWal2json(major: number): boolean {
  const directory = packageDirectory(major);
  return directory !== undefined && existsSync(join(directory, 'native', 'lib', 'postgresql', 'wal2json.so'));
}

export interface SlotMessage {
  readonly lsn: Lsn;
  readonly data: Buffer;
}

/** A logical slot that is read through the SQL functions. */
export interface TestSlot {
  /** What it has since the last time, as the plugin wrote it. */
  take(options: readonly PluginOption[], settings?: string): Promise<readonly SlotMessage[]>;
}

/**
 * Makes a slot of the database; it is dropped with it. Each read has a session of its own: before 2023 pgoutput registered two callbacks with each read of a session,
 * and after ten or so there was no room left ("out of relcache_callback_list slots").
 */
export async function openSlot(database: TestDatabase, plugin: OutputPlugin, suffix = ''): Promise<TestSlot> {
  const slot = `${database.database}_${plugin}${suffix}`;
  await database.query(`select pg_create_logical_replication_slot($1, $2)`, [slot, plugin]);
  const call = plugin === 'pgoutput' ? 'pg_logical_slot_get_binary_changes' : 'pg_logical_slot_get_changes';
  return {
    take: async (options, settings = '') => {
      const client = await database.connect();
      try {
        await client.query(`${PINNED_SETTINGS}; ${settings}`);
        const { rows } = await client.query<{ lsn: string; data: Buffer | string }>(
          `select lsn::text, data from ${call}($1, null, null, variadic $2::text[])`,
          [slot, options.flat()],
        );
        return rows.map(({ lsn, data }) => ({ lsn: parseLsn(lsn), data: Buffer.from(data) }));
      } finally {
        await client.end();
      }
    },
  };
}

/** Tables of a catalog as a read of the log asks for them. */
export function logTables(tables: readonly Table[]): readonly LogTable[] {
  return tables.flatMap(({ name, storage, columns, primaryKey, replicaIdentity }) =>
    [name, ...storage].map(({ schema, table }) => ({ schema, table, columns, primaryKey, replicaIdentity })),
  );
}
