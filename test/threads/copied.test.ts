import { expect, test } from 'vitest';
import { ReplicationError } from '../../functions/engine/model/errors.ts';
import { loadConfig } from '../../functions/engine/config/load.ts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withCopiedSecrets, withRevealedSecrets } from '../../functions/threads/copied-secrets.ts';
import { receivedFailure, sentFailure } from '../../functions/threads/failures.ts';

const YAML = `
destination: { url: file:./out }
state: { url: file:./state }
integrations:
  - name: shop
    connection:
      host: db
      database: shop
      user: reader
      password: open sesame
      ssl: { mode: verify-full, ca: { file: ca.pem } }
      ssh: { host: bastion, user: tunnel, privateKey: { env: KEY }, passphrase: { env: PHRASE }, hostKey: "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8" }
    schedule: { cron: "0 0/15 * ? * MON-FRI", timezone: Europe/Berlin }
    tables: [{ table: public.a, method: INCREMENTAL, replicationKey: at }]
`;

test('an integration arrives in another thread as it was, its literal password too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'backstitch-copied-'));
  try {
    await writeFile(join(folder, 'backstitch.yaml'), YAML);
    const { config } = await loadConfig(join(folder, 'backstitch.yaml'), AbortSignal.timeout(30_000));
    const [integration] = config.integrations;
    if (integration === undefined) throw new Error('no integration');
    const passwordOf = ({ connection: { auth } }: typeof integration): string | undefined =>
      auth.kind === 'password' && auth.password?.kind === 'literal' ? auth.password.reveal() : undefined;
    // A function cannot be copied: the control of this test.
    expect(() => structuredClone(integration)).toThrow();

    const arrived = withRevealedSecrets(structuredClone(withCopiedSecrets(integration)));

    expect(passwordOf(arrived)).toBe('open sesame');
    expect(JSON.stringify(arrived)).toBe(JSON.stringify(integration));
    expect(JSON.stringify(arrived)).not.toContain('sesame');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a failure arrives with its code, texts and where it came from, and without the text of what caused it', () => {
  const cause = new TypeError('a value of a row');
  const failure = new ReplicationError('sink-full', { url: 'file:out' }, { cause });

  const arrived = receivedFailure(structuredClone(sentFailure(failure)));

  const { code, message, remedy, retry } = failure;
  expect(arrived).toBeInstanceOf(ReplicationError);
  expect(arrived).toMatchObject({ code, message, remedy, retry, name: failure.name });
  expect(arrived.cause).toMatchObject({ name: 'TypeError' });
  expect((arrived.cause as Error).stack).toContain('copied.test.ts');
  expect(JSON.stringify(sentFailure(failure))).not.toContain('a value of a row');
});

test('what is no failure of ours arrives as unexpected', () => {
  expect(receivedFailure(sentFailure(new RangeError('text')))).toMatchObject({
    code: 'unexpected',
    message: expect.stringContaining('RangeError') as string,
  });
});
