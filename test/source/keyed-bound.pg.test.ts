import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Column } from '../../functions/engine/model/catalog.ts';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import type { Connection } from '../../functions/engine/source/postgres/connection.ts';
import { boundSql } from '../../functions/engine/source/postgres/keyed-bound.ts';
import { keyColumn } from '../../functions/engine/source/postgres/keyed-column.ts';
import type { Horizon } from '../../functions/engine/source/postgres/look-back.ts';
import type { LookBack } from '../../functions/engine/source/source.ts';
import { newestMajor, sharedServer } from '../support/postgres.ts';
import { never, settingsFor } from './support.ts';

const HORIZON: Horizon = {
  clock: '2020-01-01 12:00:00+00',
  oldest: '2020-01-01 11:30:00.4+00',
  seconds: 0,
  zones: ['UTC'],
  warnings: [],
};
const FREE: Horizon = { ...HORIZON, oldest: HORIZON.clock };
const HIDDEN: Horizon = { clock: HORIZON.clock, seconds: 600, zones: ['UTC'], warnings: [] };
const AUTO: LookBack = { kind: 'auto' };

describe('the bound of a bookmark', () => {
  let connection: Connection;

  beforeAll(async () => {
    connection = await connect(settingsFor(await sharedServer(newestMajor)), never());
  });

  afterAll(() => connection[Symbol.asyncDispose]());

  async function boundOf(
    name: 'timestamptz' | 'timestamp' | 'date',
    sqlType: string,
    input: { readonly last: string; readonly highest?: string; readonly from?: string; readonly horizon: Horizon },
  ): Promise<string | undefined> {
    const column: Column = {
      name: 'k',
      position: 1,
      type: { kind: name, name } as Column['type'],
      sqlType,
      nullable: true,
      generated: 'no',
      identity: false,
      toastable: false,
    };
    const table = { name: { database: 'd', schema: 's', table: 't' }, columns: [column] } as unknown as Parameters<
      typeof keyColumn
    >[1];
    const key = keyColumn(connection, table, 'k');
    const { highest = input.last, ...rest } = input;
    const sql = boundSql({ key, lookBack: AUTO, highest, ...rest });
    const [row] = await connection.query<{ readonly bound: string }>(`select ${sql ?? 'null'} as bound`, [], never());
    return row?.bound;
  }

  it.each([
    [
      'the oldest transaction',
      'timestamptz',
      'timestamptz',
      { last: '2020-01-01 11:59+00', horizon: HORIZON },
      '2020-01-01 11:30:00.4+00',
    ],
    [
      'the highest key, where that is lower',
      'timestamptz',
      'timestamptz',
      { last: '2020-01-01 11:00+00', horizon: HORIZON },
      '2020-01-01 11:00:00+00',
    ],
    [
      'a moment before the clock, where nothing is open',
      'timestamptz',
      'timestamptz',
      { last: '2021-01-01 00:00+00', horizon: FREE },
      '2020-01-01 11:59:55+00',
    ],
    [
      'the oldest transaction, rounded as its keys are',
      'timestamptz',
      'timestamptz(0)',
      { last: '2020-01-01 11:59+00', horizon: HORIZON },
      '2020-01-01 11:30:00+00',
    ],
    ['the day of the oldest transaction', 'date', 'date', { last: '2020-01-02', horizon: HORIZON }, '2020-01-01'],
    [
      'the bookmark, at least',
      'timestamptz',
      'timestamptz',
      { last: '2020-01-01 11:59+00', from: '2020-01-01 11:45+00', horizon: HORIZON },
      '2020-01-01 11:45:00+00',
    ],
    [
      'ten minutes back, where nothing can be seen',
      'timestamptz',
      'timestamptz',
      { last: '2020-01-01 12:00+00', horizon: HIDDEN },
      '2020-01-01 11:50:00+00',
    ],
    [
      'the bookmark, while a prepared transaction waits',
      'timestamptz',
      'timestamptz',
      { last: '2020-01-01 11:59+00', from: '2020-01-01 09:00+00', horizon: { ...FREE, firstPrepared: '2020-01-01 11:58+00' } },
      '2020-01-01 09:00:00+00',
    ],
    [
      'ten minutes before the first prepared transaction, without a bookmark',
      'timestamptz',
      'timestamptz',
      { last: '2020-01-01 11:59+00', horizon: { ...FREE, firstPrepared: '2020-01-01 11:58+00' } },
      '2020-01-01 11:48:00+00',
    ],
    [
      'the earliest local time of the zones that are known',
      'timestamp',
      'timestamp',
      { last: '2020-01-01 23:00', horizon: { ...FREE, zones: ['UTC', 'America/New_York', 'Asia/Tokyo'] } },
      '2020-01-01 06:59:55',
    ],
    [
      'as far behind the highest key as the oldest transaction is behind the clock, in a zone nobody told of',
      'timestamp',
      'timestamp',
      { last: '2020-01-01 02:00:00', horizon: HORIZON },
      '2020-01-01 01:30:00.4',
    ],
    [
      'as far behind the highest key of all, not of the window',
      'timestamp',
      'timestamp',
      { last: '2020-01-01 01:50:00', highest: '2020-01-01 02:00:00', horizon: HORIZON },
      '2020-01-01 01:30:00.4',
    ],
  ] as const)('is %s', async (_, name, sqlType, input, expected) => {
    expect(await boundOf(name, sqlType, input)).toBe(expected);
  });
});
