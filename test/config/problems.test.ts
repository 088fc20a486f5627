import { describe, expect, test } from 'vitest';
import { EXAMPLE, problemsOf, withIntegration } from './example.ts';

describe('an invalid file', () => {
  const table = (entry: string) => withIntegration(`tables: [${entry}]`);
  const connection = (rest: string) => withIntegration('tables: []', `{ host: h, database: d, user: u, ${rest} }`);

  test.each<readonly [string, string, string]>([
    // text, line:column: path: ..., by what was changed
    [
      'an unknown setting',
      EXAMPLE.replace('connections:', 'conections:'),
      '19:5: integrations[0].conections: unknown setting - allowed name, connection, connections, pressure, defaultReplicationMethod, logBased, includeSchemaInTableName, selectAll, tables, schedule, statementTimeout, rangeBytes, aws; did you mean "connections"?',
    ],
    [
      'a setting in the words of Stitch',
      table('{ table: t, replication_method: FULL_TABLE, method: FULL_TABLE }'),
      '6:26: integrations[0].tables[0].replication_method: unknown setting - allowed table, view, selected, method, replicationKey, lookBack, columns, primaryKey, destinationTable; did you mean "method"?',
    ],
    [
      'a misspelt word',
      EXAMPLE.replace('INCREMENTAL', 'Incremental'),
      '25:41: integrations[0].tables[0].method: found "Incremental" - allowed FULL_TABLE, INCREMENTAL, LOG_BASED; did you mean "INCREMENTAL"?',
    ],
    [
      'text for a number',
      EXAMPLE.replace('5433', 'five'),
      '7:13: integrations[0].connection.port: found "five" - allowed a whole number from 1 to 65535',
    ],
    [
      'a number out of range',
      EXAMPLE.replace('connections: 8', 'connections: 101'),
      '19:18: integrations[0].connections: found 101 - allowed a whole number from 1 to 100',
    ],
    [
      'text for a switch',
      EXAMPLE.replace('selectAll: true', 'selectAll: "yes"'),
      '23:16: integrations[0].selectAll: found "yes" - allowed true or false',
    ],
    [
      'something missing',
      EXAMPLE.replace('      host: db.internal\n', ''),
      '5:5: integrations[0].connection.host: found nothing - allowed a host name, an IP address, or the path of a socket folder',
    ],
    [
      'an empty value',
      EXAMPLE.replace('host: db.internal', 'host:'),
      '6:12: integrations[0].connection.host: found nothing - allowed a host name, an IP address, or the path of a socket folder',
    ],
    [
      'a list for a mapping',
      'destination: []\nstate: { url: "file:s" }\nintegrations: [{ name: a, connection: { host: h, database: d, user: u } }]',
      '1:14: destination: found an empty list - allowed a mapping with url, compression, gzipLevel, rotateBytes, keyTemplate, jsonColumns, profile',
    ],
    [
      'no integration',
      'destination: { url: "file:o" }\nstate: { url: "file:s" }\nintegrations: []',
      '3:15: integrations: found an empty list - allowed a list of at least one integration',
    ],
    ['nothing at all', '', '1:1: found nothing - allowed a mapping with destination, state, integrations, aws'],
    [
      'a bad destination',
      EXAMPLE.replace('s3://acme-landing/postgres', 'S3:acme'),
      '1:21: destination.url: found "S3:acme" - allowed s3://bucket/prefix or file:path',
    ],
    [
      'a prefix that climbs',
      EXAMPLE.replace('acme-landing/postgres', 'acme-landing/a/../b'),
      '1:21: destination.url: found "s3://acme-landing/a/../b" - allowed a prefix without empty, "." or ".." parts',
    ],
    [
      'a bad size',
      EXAMPLE.replace('1 GiB', '1 gigabit'),
      '31:17: integrations[0].rangeBytes: found "1 gigabit" - allowed a size such as "128 MiB" or a number of bytes, 8 KiB to 1 TiB',
    ],
    [
      'a look at the source too often',
      EXAMPLE.replace('30 seconds', '0 seconds'),
      '32:44: integrations[0].pressure.checkEvery: found "0 seconds" - allowed a duration from 1 second to 1 hour such as "10 seconds"',
    ],
    [
      'a limit of no statements',
      EXAMPLE.replace('maxActiveBackends: 24', 'maxActiveBackends: 0'),
      '32:75: integrations[0].pressure.maxActiveBackends: found 0 - allowed a whole number from 1 to 100000',
    ],
    [
      'a lag without a unit',
      EXAMPLE.replace('maxReplicaLag: 5 minutes', 'maxReplicaLag: 300'),
      '32:118: integrations[0].pressure.maxReplicaLag: found 300 - allowed a duration from 1 second to 1 day such as "1 minute", or none',
    ],
    [
      'a bad slot name',
      EXAMPLE.replace('backstitch_shop', 'Backstitch-Shop'),
      '21:52: integrations[0].logBased.slot: found "Backstitch-Shop" - allowed a slot name of at most 63 characters from a-z, 0-9 and _',
    ],
    [
      'a bad integration name',
      EXAMPLE.replace('name: shop', 'name: 1shop'),
      '4:11: integrations[0].name: found "1shop" - allowed a name of at most 49 characters from a-z, 0-9, _ and $ that begins with a letter or _',
    ],
    [
      'an unquoted odd name',
      table('{ table: a.b.c.d, method: FULL_TABLE }'),
      '6:23: integrations[0].tables[0].table: found "a.b.c.d" - allowed a table as "schema.name", "database.schema.name" or "name", odd parts in double quotes',
    ],
    [
      'Select All without LOG_BASED',
      EXAMPLE.replace('Method: LOG_BASED', 'Method: FULL_TABLE'),
      '23:16: integrations[0].selectAll: found true - allowed true only with defaultReplicationMethod: LOG_BASED',
    ],
    [
      'INCREMENTAL without a key',
      EXAMPLE.replace('replicationKey: updated_at, ', ''),
      '25:9: integrations[0].tables[0].replicationKey: found nothing - allowed a column that grows with every change: INCREMENTAL needs one',
    ],
    [
      'no method at all',
      table('{ table: t }'),
      '6:14: integrations[0].tables[0].method: found nothing - allowed FULL_TABLE, INCREMENTAL, LOG_BASED, here or as defaultReplicationMethod of the integration',
    ],
    [
      'a view from the log',
      EXAMPLE.replace('method: FULL_TABLE', 'method: LOG_BASED'),
      '28:64: integrations[0].tables[3].method: found "LOG_BASED" - allowed FULL_TABLE, INCREMENTAL for a view: the log has no views',
    ],
    [
      'a view that inherits the log',
      EXAMPLE.replace(', method: FULL_TABLE', ''),
      '28:9: integrations[0].tables[3].method: found "LOG_BASED" - allowed FULL_TABLE, INCREMENTAL for a view: the log has no views',
    ],
    [
      'a primary key on a table',
      table('{ table: t, method: FULL_TABLE, primaryKey: [a] }'),
      '6:46: integrations[0].tables[0].primaryKey: found on a table - allowed on views only: a table has its own',
    ],
    [
      'include and exclude',
      table('{ table: t, method: FULL_TABLE, columns: { include: [a], exclude: [b] } }'),
      '6:55: integrations[0].tables[0].columns: found include and exclude - allowed exactly one of include, exclude',
    ],
    [
      'a table and a view in one',
      table('{ table: t, view: v, method: FULL_TABLE }'),
      '6:14: integrations[0].tables[0]: found table and view - allowed exactly one of table, view',
    ],
    [
      'an empty list of columns',
      table('{ table: t, method: FULL_TABLE, columns: { include: [] } }'),
      '6:66: integrations[0].tables[0].columns.include: found an empty list - allowed a list of column names',
    ],
    [
      'a table twice',
      table('{ table: public.t, method: FULL_TABLE }, { table: \'"public".t\', method: FULL_TABLE }'),
      '6:64: integrations[0].tables[1].table: found "\\"public\\".t" - allowed each name once, and tables[0] has it already',
    ],
    [
      'a database that is filtered out',
      EXAMPLE.replace('table: public.audit', 'table: other.public.audit'),
      '27:18: integrations[0].tables[2].table: found "other.public.audit" - allowed a database that connection.databases lists',
    ],
    [
      'an anchor below an hour',
      EXAMPLE.replace('6 hours', '30 minutes'),
      '29:24: integrations[0].schedule.every: found "30 minutes" - allowed 1 hour or more where there is an anchor',
    ],
    [
      'a number as frequency',
      EXAMPLE.replace('every: 6 hours', 'every: 30'),
      '29:24: integrations[0].schedule.every: found 30 - allowed a duration of whole minutes such as "30 minutes", "1 hour" or "day", at most 31 days',
    ],
    [
      'a schedule of two kinds',
      withIntegration('schedule: { every: day, cron: "0 0 12 ? * *" }'),
      '6:15: integrations[0].schedule: found every and cron - allowed exactly one of every, cron',
    ],
    [
      'a time zone that is none',
      withIntegration('schedule: { cron: "0 0 12 ? * *", timezone: Mars/Base }'),
      '6:49: integrations[0].schedule.timezone: found "Mars/Base" - allowed a time zone of the IANA database, such as "Europe/Berlin"',
    ],
    [
      'a day that is none',
      EXAMPLE.replace('2026-01-01T', '2026-02-30T'),
      '29:41: integrations[0].schedule.anchor: found "2026-02-30T02:00:00+01:00" - allowed a time in ISO 8601 with its zone, such as "2026-01-01T02:00:00Z"',
    ],
    [
      'a cron expression of Unix',
      withIntegration('schedule: { cron: "*/5 * * * *" }'),
      '6:23: integrations[0].schedule.cron: found "*/5 * * * *" - allowed 6 or 7 fields, this has 5: seconds minutes hours day-of-month month day-of-week [year], or EventBridge\'s form',
    ],
    [
      'two sources of a secret',
      connection('password: { env: A, file: b }, ssl: { ca: rds }'),
      '5:60: integrations[0].connection.password: found env and file - allowed exactly one of env, file, secret',
    ],
    [
      'a password with IAM',
      connection('auth: iam, password: { env: A }, ssl: { ca: rds }'),
      '5:61: integrations[0].connection.password: found with auth: iam - allowed only with auth: password',
    ],
    [
      'a client certificate without its key',
      connection('ssl: { ca: rds, cert: a.pem }'),
      '5:55: integrations[0].connection.ssl: found cert without key - allowed both or neither',
    ],
    [
      'a literal private key',
      connection('ssl: { ca: rds }, ssh: { host: b, user: t, privateKey: hunter2, hostKey: x }'),
      '5:105: integrations[0].connection.ssh.privateKey: found text - allowed a mapping with env, file, secret, field',
    ],
    [
      'a connection string',
      withIntegration('tables: []', 'postgres://u:hunter2@h/d'),
      '5:17: integrations[0].connection: found text - allowed a mapping with host, port, database, databases, user, password, auth, ssl, ssh',
    ],
    [
      'a connection string as host',
      withIntegration('tables: []', '{ host: "postgres://u:hunter2@h/d", database: d, user: u }'),
      '5:25: integrations[0].connection.host: found text that may hold a password - allowed a host name, an IP address, or the path of a socket folder',
    ],
    [
      'a password of the wrong type',
      connection('password: 12345, ssl: { ca: rds }'),
      '5:60: integrations[0].connection.password: found a value that is not shown - allowed { env: NAME }, { file: path } or { secret: name }',
    ],
    [
      'a key given twice',
      EXAMPLE.replace('connections: 8', 'name: again'),
      '19:5: "name" is there twice in one mapping; keep one',
    ],
    [
      'a tab',
      EXAMPLE.replace('    connections: 8', '\tconnections: 8'),
      '19:1: not valid YAML: a tab is used to indent; use spaces',
    ],
    [
      'a bracket that is open',
      'destination: { url: "file:o"\nstate: 1',
      '2:1: not valid YAML: the indentation does not fit the lines above, or a bracket or quote there is not closed',
    ],
    [
      'a value that looks like a tag',
      connection('password: !hunter2 x'),
      '5:60: not valid YAML: tags (!name) are not used here; put quotes around a value that begins with !',
    ],
    [
      'a value that looks like an alias',
      connection('password: *hunter2'),
      '1:1: not valid YAML: an alias (*name) has no anchor (&name), or there are too many; put quotes around a value that begins with *',
    ],
  ])('with %s is told so', (_, text, expected) => {
    const problems = problemsOf(text);

    expect(problems.includes(expected) ? expected : problems.join('\n')).toBe(expected);
    expect(problems.join()).not.toContain('hunter2');
  });

  test('is told all errors at once, in the order of the file', () => {
    const text = EXAMPLE.replace('5433', '0')
      .replace('connections: 8', 'connections: no')
      .replace('plugin: auto', 'plugin: pgout')
      .replace('INCREMENTAL', 'KEY')
      .replace('state:', 'stat:');

    const problems = problemsOf(text);

    expect(problems.map((line) => line.split(': ')[1])).toEqual([
      'state',
      'stat',
      'integrations[0].connection.port',
      'integrations[0].connections',
      'integrations[0].logBased.plugin',
      'integrations[0].tables[0].method',
    ]);
  });

  test('with two integrations of one name, or that read one slot, is told so', () => {
    const second = (name: string, slot: string) =>
      `${EXAMPLE}  - { name: ${name}, connection: { host: db.internal, port: 5433, database: billing, user: u, ssl: { ca: rds } }, defaultReplicationMethod: LOG_BASED, logBased: ${slot}, tables: [{ table: t }] }\n`;

    expect(problemsOf(second('shop', '{}'))).toEqual([
      '33:13: integrations[1].name: found "shop" - allowed a name that integrations[0] does not have',
    ]);
    expect(problemsOf(second('b', '{ slot: backstitch_shop }'))).toEqual([
      '33:164: integrations[1].logBased.slot: found "backstitch_shop" - allowed a slot of its own: integrations[0] reads the same one, and a slot gives each change to one reader only',
    ]);
    expect(problemsOf(second('b', '{}'))).toEqual([]);
  });

  test('lists at most 50 errors and counts the others', () => {
    const text = table(Array.from({ length: 80 }, (_, at) => `{ table: t${at} }`).join(', '));

    const problems = problemsOf(text);

    expect(problems).toHaveLength(51);
    expect(problems.at(-1)).toBe('... and 30 more');
  });

  test.each([
    ['nested absurdly', `a: ${'['.repeat(20_000)}`],
    [
      'full of aliases',
      `a: &a [x, x, x, x, x, x, x, x, x]\n${Array.from('bcdefgh')
        .map(
          (key, at) =>
            `${key}: &${key} [${Array(9)
              .fill(`*${String.fromCharCode(97 + at)}`)
              .join(', ')}]\n`,
        )
        .join('')}`,
    ],
    ['that contains itself', 'destination: &a { url: *a }\nstate: *a\nintegrations: [*a]'],
  ])('%s ends in an error, not in a crash', (_, text) => {
    expect(problemsOf(text).length).toBeGreaterThan(0);
  });
});
