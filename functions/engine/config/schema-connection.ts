import { z } from 'zod';
import { choice, listOf, mapping, text, wholeNumber } from './schema-parts.ts';

const HOST = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?\.?|[0-9A-Fa-f:.]{2,45}(%[A-Za-z0-9]+)?|\/[^\0]{1,100})$/;
const host = () => text('a host name, an IP address, or the path of a socket folder', HOST);
/** PostgreSQL cuts names at 63 bytes. */
const name = (what: string) => text(`${what} of 1 to 63 characters`, /^[^\0]{1,63}$/);

const referenceShape = {
  env: text('the name of an environment variable', /^[A-Za-z_][A-Za-z0-9_]*$/)
    .optional()
    .describe('Name of an environment variable.'),
  file: text('the path of a file')
    .optional()
    .describe('Path of a file (relative to this one); line breaks at its end are dropped.'),
  secret: text('the name or ARN of a secret in AWS Secrets Manager', /^[A-Za-z0-9/_+=.@!:-]{1,2048}$/)
    .optional()
    .describe('Name or ARN of a secret in AWS Secrets Manager: plain text, or JSON such as the one that RDS keeps.'),
  field: text('the name of a field')
    .optional()
    .describe('With `secret`: the field to take if the secret is JSON. By default the name of this setting, such as `password`.'),
};

/** `{ env }`, `{ file }` or `{ secret }`; exactly one, which a rule checks so that the message can say so. */
export const reference = () =>
  mapping(referenceShape).meta({ oneOf: [{ required: ['env'] }, { required: ['file'] }, { required: ['secret'] }] });

const REFERENCE = '{ env: NAME }, { file: path } or { secret: name }';
const pathOrReference = (what: string) => z.union([text('a path'), reference()], { error: `a path ${what}, or ${REFERENCE}` });
const fingerprint = () => text('a fingerprint such as "SHA256:..." (43 characters of base64)', /^SHA256:[A-Za-z0-9+/]{43}=?$/);

const ssl = mapping({
  mode: choice(['disable', 'require', 'verify-ca', 'verify-full'])
    .optional()
    .describe(
      "As in libpq: `require` encrypts without checking the server's certificate, `verify-ca` checks who signed it, `verify-full` also the host name. By default `verify-full` where `ca` is set, `disable` for a socket, else `require`.",
    ),
  ca: pathOrReference('of a PEM file, or rds')
    .optional()
    .describe(
      'Authorities that sign server certificates: `rds` for the bundle of Amazon RDS, the path of a PEM file, or a reference. By default those that the system trusts.',
    ),
  cert: pathOrReference('of a PEM file')
    .optional()
    .describe('Client certificate, if the server asks for one: the path of a PEM file, or a reference.'),
  key: pathOrReference('of a PEM file')
    .optional()
    .describe('Private key of the client certificate: the path of a PEM file, or a reference.'),
});

const ssh = mapping({
  host: host().describe('Host name or address of the SSH server.'),
  port: wholeNumber(1, 65_535).default(22).describe('Port of the SSH server.'),
  user: name('a user name').describe('User on the SSH server.'),
  privateKey: reference().describe('Private key (OpenSSH or PEM form); a reference, never the key itself.'),
  passphrase: reference().optional().describe('Passphrase of the private key; a reference.'),
  hostKey: z
    .union([fingerprint(), listOf(fingerprint(), 'a list of fingerprints')], {
      error: 'a fingerprint such as "SHA256:...", or a list of them',
    })
    .optional()
    .describe(
      "Fingerprint of the server's host key (`SHA256:...`), or a list of them. Without it no connection is made; the error names the fingerprint that was offered.",
    ),
});

export const connection = mapping({
  host: host().describe('Host name or address of the server; log-based replication needs the primary.'),
  port: wholeNumber(1, 65_535).default(5432).describe('Port of the server.'),
  database: name('a database name').describe(
    'Database to connect to first. Every database that the role may connect to is found from there.',
  ),
  databases: listOf(name('a database name'), 'a list of database names')
    .optional()
    .describe('Only these databases. By default all that the role may connect to, but for templates and `rdsadmin`.'),
  user: name('a user name').describe('Role to log in as.'),
  password: z
    .union([text('text'), reference()], { error: REFERENCE })
    .optional()
    .describe(
      'Password as a reference. A literal one is taken with a warning, and refused in AWS. Absent where the server asks for none.',
    ),
  auth: choice(['password', 'iam'])
    .default('password')
    .describe('`iam` logs in to Amazon RDS or Aurora with a token made from AWS credentials, without a password.'),
  ssl: ssl.prefault({}).describe('Encryption of the connection.'),
  ssh: ssh.optional().describe('SSH server to go through, if the database cannot be reached directly.'),
}).describe('How to reach the PostgreSQL server.');

export type ConnectionDocument = z.output<typeof connection>;
export type ReferenceDocument = z.output<ReturnType<typeof reference>>;
