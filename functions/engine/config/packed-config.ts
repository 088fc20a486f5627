import { extname, join } from 'node:path';
import { ReplicationError } from '../model/errors.ts';
import type { Config, IntegrationConfig, SecretRef } from './config.ts';

/** A configuration on its way into a deployment: its text, and the files that have to lie beside it. */
export interface PackedConfig {
  /** For the file that handlers read. The same configuration gives the same text on every machine. */
  readonly json: string;
  /** Certificates that the configuration names: `path` is where each is now, `name` what it must be called beside the text. */
  readonly files: readonly { readonly name: string; readonly path: string }[];
}

/** Format of the text: a bundle and its configuration are deployed together, so another one means a broken deployment. */
const FORMAT = 1;

/**
 * Packs what one integration needs to run in AWS. Nothing secret is in it: passwords and private keys must be in Secrets Manager, or not needed.
 * Throws `integration-unknown`, and `secret-not-for-aws` for the first setting that cannot go there.
 */
export function packConfig(config: Config, integrationName: string): PackedConfig {
  const integration = config.integrations.find(({ name }) => name === integrationName);
  if (integration === undefined) {
    const known = config.integrations.map(({ name }) => name).join(', ');
    throw new ReplicationError('integration-unknown', { integration: integrationName, file: 'the configuration', known });
  }
  const files: { readonly name: string; readonly path: string }[] = [];
  const travelling = (what: string, reference: SecretRef): SecretRef => {
    if (reference.kind !== 'file') return inAws(reference);
    const name = `${what}${extname(reference.path)}`;
    files.push({ name, path: reference.path });
    return { ...reference, path: name };
  };
  // What deployment alone needs would change the function with every address of an alarm.
  const { aws: _, connection, ...rest } = integration;
  const { auth, ssl, ssh } = connection;
  const packed: IntegrationConfig = {
    ...rest,
    connection: {
      ...connection,
      auth: auth.kind === 'password' && auth.password !== undefined ? { ...auth, password: inAws(auth.password) } : auth,
      ssl: {
        mode: ssl.mode,
        ...(ssl.ca === undefined ? {} : { ca: ssl.ca.kind === 'rds' ? ssl.ca : travelling('ca', ssl.ca) }),
        ...(ssl.cert === undefined ? {} : { cert: travelling('client-certificate', ssl.cert) }),
        ...(ssl.key === undefined ? {} : { key: inAws(ssl.key) }),
      },
      ...(ssh === undefined
        ? {}
        : {
            ssh: {
              ...ssh,
              privateKey: inAws(ssh.privateKey),
              ...(ssh.passphrase === undefined ? {} : { passphrase: inAws(ssh.passphrase) }),
            },
          }),
    },
  };
  const one: Config = {
    destination: withoutFolder(config.destination),
    state: withoutFolder(config.state),
    integrations: [packed],
  };
  return { json: `${JSON.stringify({ format: FORMAT, config: one })}\n`, files };
}

/** Reads what {@link packConfig} wrote; `folder` is where it lies with its files. Throws `packed-config-unreadable`. */
export function unpackConfig(json: string, folder: string): { readonly config: Config; readonly integration: IntegrationConfig } {
  let packed: unknown;
  try {
    packed = JSON.parse(json);
  } catch (cause) {
    throw new ReplicationError('packed-config-unreadable', { folder, reason: 'it is not JSON' }, { cause });
  }
  if (!isPacked(packed)) throw new ReplicationError('packed-config-unreadable', { folder, reason: 'it is of another format' });
  const [integration, ...others] = packed.config.integrations;
  if (integration === undefined || others.length > 0)
    throw new ReplicationError('packed-config-unreadable', { folder, reason: 'it is not of one integration' });
  const { ca, cert, ...ssl } = integration.connection.ssl;
  const arrived: IntegrationConfig = {
    ...integration,
    connection: {
      ...integration.connection,
      ssl: {
        ...ssl,
        ...(ca === undefined ? {} : { ca: ca.kind === 'file' ? { ...ca, path: join(folder, ca.path) } : ca }),
        ...(cert === undefined ? {} : { cert: cert.kind === 'file' ? { ...cert, path: join(folder, cert.path) } : cert }),
      },
    },
  };
  return { config: { ...packed.config, integrations: [arrived] }, integration: arrived };
}

/** A secret that a function can read there. */
function inAws(reference: SecretRef): SecretRef {
  if (reference.kind === 'secret') return reference;
  const reasons = {
    literal: 'it would stand in the template of the stack, for everybody to read who may look at it',
    env: `the environment variable ${reference.kind === 'env' ? reference.name : ''} is of this machine`,
    file: 'the file would be part of the deployment, for everybody to read who may look at the function',
  } as const;
  throw new ReplicationError('secret-not-for-aws', { where: reference.where, reason: reasons[reference.kind] });
}

/** A folder is of the machine that deploys: handlers get their places from their environment. */
function withoutFolder<T extends Config['destination'] | Config['state']>(place: T): T {
  return place.location.kind === 'file' ? { ...place, location: { ...place.location, folder: '' } } : place;
}

function isPacked(value: unknown): value is { readonly config: Config } {
  if (typeof value !== 'object' || value === null || !('format' in value) || value.format !== FORMAT) return false;
  if (!('config' in value) || typeof value.config !== 'object' || value.config === null) return false;
  const { config } = value;
  return 'destination' in config && 'state' in config && 'integrations' in config && Array.isArray(config.integrations);
}
