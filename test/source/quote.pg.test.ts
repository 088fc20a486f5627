import { expect, it } from 'vitest';
import { quoteIdentifier, quoteLiteral } from '../../functions/engine/source/postgres/quote.ts';
import { createDatabase, majors } from '../support/postgres.ts';

const TEXTS = ['', "'", "''", '\\', "\\'", '"', '""', '\n\t\r', '$$', '%s', 'E', 'ünï😀', 'a\'b\\c"d', '--', '/*', ';'];

it.each(majors)('PostgreSQL %i reads back what was quoted, whatever its settings', async (major) => {
  await using db = await createDatabase(major);
  for (const setting of ['on', 'off']) {
    await db.query(`set standard_conforming_strings = ${setting}; set escape_string_warning = off; set backslash_quote = off`);
    for (const text of TEXTS) {
      expect(await db.query(`select${quoteLiteral(text)} as ${quoteIdentifier(`${text}x`)}`)).toEqual([{ [`${text}x`]: text }]);
    }
  }
});
