import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import type { KeyBookmark } from '../../functions/engine/model/bookmark.ts';
import type { Table } from '../../functions/engine/model/catalog.ts';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import type { Connection, ConnectionSettings } from '../../functions/engine/source/postgres/connection.ts';
import { discoverTables } from '../../functions/engine/source/postgres/discover-tables.ts';
import { keyedRead } from '../../functions/engine/source/postgres/keyed.ts';
import { idleStreams } from '../../functions/engine/source/postgres/keyed-idle.ts';
import type { IdleStream, KeyedRead, LookBack } from '../../functions/engine/source/source.ts';
import { BlockRecorder, RowRecorder } from './copy-recorder.ts';
import { never, tableNamed } from './support.ts';

/** What a look must have found before a read: the same, or nothing where it is not made. */
function idleAs(of: { readonly read: KeyedRead; readonly from: KeyBookmark; readonly table: Table }): IdleStream | undefined {
  const { read, from, table } = of;
  const { type: _, ...next } = read.next;
  const isIdle = !read.hasRows && isDeepStrictEqual({ ...next, type: from.type }, from);
  // Only where it is sure to be cheap.
  const isCheap = read.nullKeys !== undefined && table.kind !== 'view';
  return isIdle && isCheap ? { nullKeys: read.nullKeys, warnings: read.warnings } : undefined;
}

/** What one run of a key-based stream gave. */
export interface FollowedRun extends Pick<
  KeyedRead,
  'hasRows' | 'sequence' | 'at' | 'more' | 'next' | 'range' | 'nullKeys' | 'warnings'
> {
  readonly lines: readonly string[];
}

/** Follows one stream as a job does: what it has read it never asks for again, unless the bookmark says so. */
export class Follower {
  bookmark: KeyBookmark;
  readonly #settings: ConnectionSettings;
  readonly #table: string;
  readonly #options: { readonly lookBack?: LookBack; readonly maxRows?: number; readonly columns?: readonly string[] };

  constructor(
    settings: ConnectionSettings,
    table: string,
    column: string,
    options: { readonly lookBack?: LookBack; readonly maxRows?: number; readonly columns?: readonly string[] } = {},
  ) {
    this.#settings = settings;
    this.#table = table;
    this.#options = options;
    this.bookmark = { column, type: 'text' };
  }

  /** One read; the bookmark moves on. `during` runs when the snapshot is taken and nothing is read yet. */
  async run(during: () => Promise<unknown> = () => Promise.resolve()): Promise<FollowedRun> {
    await using connection = await connect(this.#settings, never());
    const table: Table = tableNamed(await discoverTables(connection, never()), this.#table);
    const columns = this.#options.columns ?? table.columns.map(({ name }) => name);
    const { lookBack = { kind: 'auto' }, maxRows = Infinity } = this.#options;
    const from = this.bookmark;
    const look = async (on: Connection): Promise<IdleStream | undefined> =>
      (await idleStreams(on, [{ table, columns, from, lookBack }], never()))[0];
    const before = await look(connection);
    await using read = await keyedRead(connection, { table, columns, from, lookBack, maxRows }, never());
    const expected = idleAs({ read, from, table });
    // Between the two the clock may have come to the next value of a coarse key (a second, a day): then what a look finds behind the read is what counts.
    const idle = isDeepStrictEqual(before, expected) ? before : await this.#lookAgain(look);
    expect(idle, 'what a look finds without reading').toEqual(expected);
    await during();
    const out = new BlockRecorder();
    await read.read(new RowRecorder(), out, never());
    const { hasRows, sequence, at, more, next, range, nullKeys, warnings } = read;
    this.bookmark = next;
    return {
      lines: out.lines.toSorted(),
      hasRows,
      sequence,
      at,
      more,
      next,
      warnings,
      ...(range === undefined ? {} : { range }),
      ...(nullKeys === undefined ? {} : { nullKeys }),
    };
  }
  /** On a connection of its own: that of the read has its snapshot. */
  async #lookAgain<T>(look: (connection: Connection) => Promise<T>): Promise<T> {
    await using connection = await connect(this.#settings, never());
    return await look(connection);
  }
}
