import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../functions/engine/config/load.ts';
import { packConfig } from '../../functions/engine/config/packed-config.ts';
import { systemClock } from '../../functions/engine/runtime/clock.ts';
import type { LogEvent } from '../../functions/engine/runtime/logger.ts';
import { openLocal } from '../../functions/local.ts';
import { runMain } from '../cli/run-main.ts';
import { newestMajor, startServer } from '../support/postgres.ts';
import type { TestServer } from '../support/postgres.ts';

/** Everything that anybody may ask of a workspace, but for the web page, which is made of a report. */
const COMMANDS: readonly (readonly string[])[] = [
  ['check'],
  ['discover'],
  ['setup-sql'],
  ['plan'],
  ['run'],
  ['status'],
  ['reports'],
  ['reports', 'show'],
  ['logs'],
  ['pause'],
  ['resume'],
  ['stop'],
  ['reset', '--yes'],
  ['schedule'],
];

/** Distinctive, and in a form that stays itself in JSON, YAML and URLs. */
const planted = (what: string): string => `PLANTED-${what}-${randomBytes(9).toString('hex')}`;
const PASSWORD = planted('password');
const WRONG = planted('wrong');
const LITERAL = planted('literal');
const PASSPHRASE = planted('passphrase');

const pem = (passphrase?: string): string =>
  generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    ...(passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }),
  }) as string;
const SSH_KEY = pem();
const LOCKED_KEY = pem(PASSPHRASE);
const TLS_KEY = pem();
/** Lines in the middle of a key: none of them may be seen alone. */
const linesOf = (key: string): readonly string[] => key.split('\n').filter((line) => line.length === 64);

const SECRETS = [PASSWORD, WRONG, LITERAL, PASSPHRASE, ...[SSH_KEY, LOCKED_KEY, TLS_KEY].flatMap(linesOf)];
const forms = (secret: string): readonly string[] => [
  secret,
  encodeURIComponent(secret),
  Buffer.from(secret).toString('base64').replaceAll('=', '').slice(0, -2),
  Buffer.from(secret).toString('hex'),
];
const SEARCHED = SECRETS.flatMap(forms);

let server: TestServer;
let keys: string;
beforeAll(async () => {
  server = await startServer(newestMajor, { hba: ['host all backstitch 127.0.0.1/32 scram-sha-256'] });
  keys = await mkdtemp(join(tmpdir(), 'backstitch-keys-'));
  await Promise.all(
    Object.entries({
      ssh: SSH_KEY,
      locked: LOCKED_KEY,
      tls: TLS_KEY,
      password: `${PASSWORD}\n`,
      notes: `no key: ${PASSPHRASE}`,
    }).map(([name, text]) => writeFile(join(keys, name), text, { mode: 0o600 })),
  );
}, 60_000);
afterAll(async () => {
  await rm(keys, { recursive: true });
  await server[Symbol.asyncDispose]();
});

interface Said {
  readonly codes: readonly number[];
  readonly text: string;
}

/** Runs every command with a connection, at its most talkative and with `--json`, and gives all that was said, logged and written but the configuration itself. */
async function everything(connection: string, env: Readonly<Record<string, string>>): Promise<Said> {
  await using db = await server.createDatabase({ sessionsAtEnd: 'any' });
  await db.query(`
    do $$ begin if to_regrole('backstitch') is null then create role backstitch login password '${PASSWORD}'; end if; end $$;
    create table items (id int primary key, label text);
    insert into items values (1, 'one');
    grant select on items to backstitch`);
  const folder = await mkdtemp(join(tmpdir(), 'backstitch-planted-'));
  try {
    const configPath = join(folder, 'backstitch.yaml');
    await writeFile(
      configPath,
      `destination: { url: "file:./out", compression: none }
state: { url: "file:./state" }
integrations:
  - name: shop
    connection: { host: ${server.host}, port: ${String(server.port)}, database: ${db.database}, databases: [${db.database}], user: backstitch, ${connection} }
    tables: [{ table: public.items, method: FULL_TABLE }]
`,
    );
    const events: LogEvent[] = [];
    const said: string[] = [];
    const codes: number[] = [];
    for (const command of COMMANDS)
      for (const more of [['--debug'], ['--json']]) {
        const { code, out, err } = await runMain([...command, ...more, '--config', configPath], {
          clock: systemClock,
          openWorkspace: (request) => openLocal({ configPath: request.configPath, env, onLog: (event) => events.push(event) }),
        });
        codes.push(code);
        said.push(out, err);
      }
    const packed = await loadConfig(configPath, AbortSignal.timeout(10_000)).then(
      ({ config }) => {
        try {
          return JSON.stringify(packConfig(config, 'shop'));
        } catch (error) {
          return String(error);
        }
      },
      (error: unknown) => String(error),
    );
    const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(
      (entry) => entry.isFile() && entry.name !== 'backstitch.yaml',
    );
    const written = await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'utf8')));
    const names = files.map((file) => join(file.parentPath, file.name));
    return { codes, text: [...said, JSON.stringify(events), packed, ...names, ...written].join('\n') };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function expectNothingIn({ text }: Said): void {
  expect(text.length).toBeGreaterThan(2_000);
  for (const secret of SEARCHED) expect(text.includes(secret), `${secret.slice(0, 16)} is said or written`).toBe(false);
}

const DISABLE = 'ssl: { mode: disable }';

describe('what is planted as a secret is found nowhere', () => {
  test.each([
    ['a password from the environment', `password: { env: DB_PASSWORD }, ${DISABLE}`, { DB_PASSWORD: PASSWORD }],
    ['a password from a file', `password: { file: KEYS/password }, ${DISABLE}`, {}],
    ['a password in the file itself', `password: "${PASSWORD}", ${DISABLE}`, {}],
  ])('when all goes well: %s', { timeout: 60_000 }, async (_, connection, env) => {
    const said = await everything(connection.replaceAll('KEYS', keys), env);

    expect(said.codes.filter((code) => code === 0).length).toBeGreaterThan(COMMANDS.length);
    expectNothingIn(said);
  });

  const ssh = (key: string, more = ''): string =>
    `ssh: { host: 127.0.0.1, port: 1, user: tunnel, privateKey: { file: KEYS/${key} }${more}, hostKey: "SHA256:${'A'.repeat(43)}" }`;

  test.each([
    ['a password that is refused', `password: { env: DB_PASSWORD }, ${DISABLE}`, { DB_PASSWORD: WRONG }],
    ['a password in the file itself that is refused', `password: "${LITERAL}", ${DISABLE}`, {}],
    ['a password where a variable is meant', `password: { env: "${LITERAL}" }, ${DISABLE}`, {}],
    ['a password among keys that do not exist', `password: { text: "${LITERAL}" }, pasword: "${WRONG}", ${DISABLE}`, {}],
    ['a password as a list', `password: ["${LITERAL}"], ${DISABLE}`, {}],
    [
      'a key behind a server that cannot be reached',
      `password: { env: DB_PASSWORD }, ${DISABLE}, ${ssh('ssh')}`,
      { DB_PASSWORD: PASSWORD },
    ],
    [
      'a key with a passphrase that does not fit',
      `password: { env: DB_PASSWORD }, ${DISABLE}, ${ssh('locked', ', passphrase: { env: PASSPHRASE }')}`,
      { DB_PASSWORD: PASSWORD, PASSPHRASE: WRONG },
    ],
    [
      'a key with its passphrase',
      `password: { env: DB_PASSWORD }, ${DISABLE}, ${ssh('locked', ', passphrase: { env: PASSPHRASE }')}`,
      { DB_PASSWORD: PASSWORD, PASSPHRASE },
    ],
    ['a file that is no key', `password: { env: DB_PASSWORD }, ${DISABLE}, ${ssh('notes')}`, { DB_PASSWORD: PASSWORD }],
    [
      'a client key that does not fit its certificate',
      'password: { env: DB_PASSWORD }, ssl: { mode: require, cert: KEYS/notes, key: KEYS/tls }',
      { DB_PASSWORD: PASSWORD },
    ],
  ])('when it fails: %s', { timeout: 60_000 }, async (_, connection, env) => {
    const said = await everything(connection.replaceAll('KEYS', keys), env);

    expect(said.codes.some((code) => code !== 0)).toBe(true);
    expectNothingIn(said);
  });
});
