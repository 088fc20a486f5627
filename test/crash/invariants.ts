import { loadConfig } from '../../functions/engine/config/load.ts';
import { parseSlotBookmark, slotHead } from '../../functions/engine/jobs/log/slot-bookmark.ts';
import { openLedger } from '../../functions/engine/ledger/open-ledger.ts';
import { formatLsn, parseLsn } from '../../functions/engine/model/lsn.ts';
import { systemClock } from '../../functions/engine/runtime/clock.ts';
import { silentLogger } from '../../functions/engine/runtime/logger.ts';
import { openStateStore } from '../../functions/open-stores.ts';
import type { TestDatabase } from '../support/test-database.ts';
import { load } from '../support/workspace.ts';
import type { Column } from './columns.ts';
import { loadedRows, sourceRows, TABLES } from './source.ts';
import type { Place } from './stores.ts';

/** What holds at every moment, also between the death of a job and the next one: the slot never lies beyond what is committed. */
export async function brokenAtAnyTime(db: TestDatabase, place: Place): Promise<readonly string[]> {
  const [slot] = await db.query(`select confirmed_flush_lsn::text as lsn from pg_replication_slots where database = $1`, [
    db.database,
  ]);
  const confirmed = slot?.['lsn'] ?? null;
  if (confirmed === null) return [];
  const { config } = await loadConfig(place.workspace.configPath, AbortSignal.timeout(30_000));
  await using store = await openStateStore(config.state);
  const ledger = openLedger(store, 'shop', { clock: systemClock, logger: silentLogger });
  const bookmark = parseSlotBookmark((await ledger.head(slotHead(db.database)))?.bookmark);
  if (bookmark === undefined || parseLsn(confirmed) <= bookmark.lsn) return [];
  return [`the slot is confirmed up to ${confirmed}, the bookmark is ${formatLsn(bookmark.lsn)}`];
}

/** What holds after a complete job: the source is what the reports name, each object once, and the sink has nothing else. */
export async function brokenAtRest(db: TestDatabase, place: Place, { method }: Column): Promise<readonly string[]> {
  const contents = await place.contents();
  const { rows, keys } = await load(place.workspace.folder, await place.workspace.reports());
  const differing: string[] = [];
  for (const table of TABLES) {
    const loaded = loadedRows(rows.get(`${db.database}.public.${table}`) ?? [], method);
    const source = await sourceRows(db, table);
    if (loaded.join('\n') !== source.join('\n')) differing.push(`${table}: ${firstDifference(loaded, source)}`);
  }
  const isNamed = (name: string): boolean => keys.has(name) || /\/_(table[-.]|reports\/|logs\/)/.test(name);
  // What a check of the sink leaves when it is killed is removed by a check an hour later.
  const orphans = contents.filter((name) => !name.includes('_tmp-check-') && (name.startsWith('upload ') || !isNamed(name)));
  return [...differing, ...orphans.map((name) => `nobody names ${name}`), ...(await brokenAtAnyTime(db, place))];
}

function firstDifference(loaded: readonly string[], source: readonly string[]): string {
  const cut = (text: string | undefined): string => (text === undefined ? 'nothing' : `"${text.slice(0, 40)}"`);
  const at = source.findIndex((row, index) => row !== loaded[index]);
  const index = at < 0 ? source.length : at;
  return `${String(loaded.length)} rows loaded, ${String(source.length)} in the source; first ${cut(loaded[index])} where there is ${cut(source[index])}`;
}
