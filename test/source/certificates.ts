import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** PEM texts. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

/** A private authority made with openssl. Disposing it removes its files. */
export interface Authority extends AsyncDisposable {
  readonly certificate: string;
  /** `names` as openssl writes them: `IP:127.0.0.1`, `DNS:db.example`. A negative number of days has expired already. */
  issue(options: { readonly commonName: string; readonly names?: string; readonly days?: number }): Promise<Issued>;
}

export async function createAuthority(): Promise<Authority> {
  const directory = await mkdtemp(join(tmpdir(), 'backstitch-ca-'));
  const at = (name: string): string => join(directory, name);
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=test authority'],
    ...['-keyout', at('ca.key'), '-out', at('ca.crt')],
  ]);
  let serial = 0;
  return {
    certificate: await readFile(at('ca.crt'), 'utf8'),
    issue: async ({ commonName, names, days = 30 }) => {
      serial += 1;
      const [key, request, certificate, extensions] = ['key', 'csr', 'crt', 'ext'].map((end) => at(`${serial}.${end}`)) as [
        string,
        string,
        string,
        string,
      ];
      await run('openssl', [
        'req',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-subj',
        `/CN=${commonName}`,
        '-keyout',
        key,
        '-out',
        request,
      ]);
      await writeFile(extensions, names === undefined ? '' : `subjectAltName=${names}\n`);
      await run('openssl', [
        ...['x509', '-req', '-in', request, '-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-set_serial', String(serial)],
        ...['-days', String(days), '-extfile', extensions, '-out', certificate],
      ]);
      return { certificate: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') };
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}
