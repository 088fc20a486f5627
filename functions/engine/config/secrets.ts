import { ReplicationError } from '../model/errors.ts';
import type { SecretRef } from './config.ts';

/** What reading a secret needs from outside. */
export interface SecretDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string, signal: AbortSignal) => Promise<string>;
  /** The text of a secret in AWS Secrets Manager, by name or ARN. Absent where there is none. */
  readonly fetchSecret?: (id: string, signal: AbortSignal) => Promise<string>;
  readonly signal: AbortSignal;
}

/**
 * Reads a secret. Nothing is cached, so a rotated one is seen at the next call. Line breaks at the end of a file are dropped. A secret of Secrets Manager may
 * be plain text or a JSON object, of which the reference's field is taken (RDS keeps `{"username", "password", ...}`).
 * Throws `secret-missing`, which never holds the secret.
 */
export async function resolveSecret(reference: SecretRef, deps: SecretDeps): Promise<string> {
  deps.signal.throwIfAborted();
  switch (reference.kind) {
    case 'literal':
      return reference.reveal();
    case 'env': {
      const value = deps.env[reference.name];
      if (value === undefined || value === '') {
        throw missing(reference, `the environment variable ${reference.name} is ${value === undefined ? 'not set' : 'empty'}`);
      }
      return value;
    }
    case 'file': {
      const { path } = reference;
      const content = await attempt(reference, deps.signal, `the file ${path}`, () => deps.readFile(path, deps.signal));
      const value = content.replace(/[\r\n]+$/, '');
      if (value === '') throw missing(reference, `the file ${path} is empty`);
      return value;
    }
    case 'secret': {
      const { id } = reference;
      const { fetchSecret } = deps;
      if (fetchSecret === undefined) throw missing(reference, 'AWS Secrets Manager cannot be used here');
      const content = await attempt(reference, deps.signal, `the secret ${id}`, () => fetchSecret(id, deps.signal));
      return fromSecret(content, reference);
    }
  }
}

function fromSecret(content: string, reference: SecretRef & { readonly kind: 'secret' }): string {
  const { id, field } = reference;
  const fields = jsonObject(content);
  const value = fields === undefined ? content : Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (value === undefined)
    throw missing(reference, `the secret ${id} is a JSON object without "${field}"; name the right one with field`);
  if (typeof value !== 'string' || value === '')
    throw missing(reference, `the secret ${id} ${fields === undefined ? 'is empty' : `has no text in "${field}"`}`);
  return value;
}

function jsonObject(content: string): Readonly<Record<string, unknown>> | undefined {
  if (!/^\s*\{/.test(content)) return undefined;
  try {
    return JSON.parse(content) as Readonly<Record<string, unknown>>;
  } catch {
    // A password may well begin with a brace: plain text then.
    return undefined;
  }
}

async function attempt(reference: SecretRef, signal: AbortSignal, what: string, read: () => Promise<string>): Promise<string> {
  try {
    return await read();
  } catch (error) {
    signal.throwIfAborted();
    throw missing(reference, `${what} gave ${codeOf(error)}`, error);
  }
}

/** System errors have a code, errors of the AWS SDK a name: their texts are kept out, since they may repeat the request. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'an unknown error';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

function missing(reference: SecretRef, reason: string, cause?: unknown): ReplicationError<'secret-missing'> {
  return new ReplicationError('secret-missing', { where: reference.where, reason }, cause === undefined ? undefined : { cause });
}
