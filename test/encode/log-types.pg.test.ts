import { describe, expect, it } from 'vitest';
import { BUILT_IN_TYPES } from '../../functions/engine/encode/log-encoder-types.ts';
import { createDatabase, majors } from '../support/postgres.ts';

describe.each(majors)('types of the log on PostgreSQL %i', (major) => {
  it('have the names that the server gives them', async () => {
    await using database = await createDatabase(major);

    const rows = await database.query(`select oid, typname from pg_type where oid = any($1::oid[]) order by oid`, [
      [...BUILT_IN_TYPES.keys()],
    ]);

    expect(rows.map(({ oid, typname }) => [Number(oid), typname])).toEqual([...BUILT_IN_TYPES].sort(([a], [b]) => a - b));
  });
});
