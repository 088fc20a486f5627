import { randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** A key pair in the forms that OpenSSH reads. */
export interface OpenSshKeyPair {
  /** Text of the private key file, not encrypted. */
  readonly privateKey: string;
  /** The line for `authorized_keys`, without a line break. */
  readonly publicLine: string;
}

const TYPE = 'ssh-ed25519';
/** Cipher `none` still pads to blocks of this size. */
const BLOCK_BYTES = 8;

/**
 * Writes an ed25519 private key the way `ssh-keygen` does
 * (https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key). Throws a `TypeError` for a key of another kind.
 */
export function toOpenSsh(key: KeyObject, comment: string): OpenSshKeyPair {
  const { d, x } = key.asymmetricKeyType === 'ed25519' ? key.export({ format: 'jwk' }) : {};
  if (d === undefined || x === undefined) throw new TypeError('an ed25519 private key is needed');
  const [seed, point] = [Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')];
  const publicBlob = Buffer.concat([string(TYPE), string(point)]);
  // The same random number twice tells a reader that it decrypted the section well.
  const check = randomBytes(4);
  const secret = Buffer.concat([check, check, publicBlob, string(Buffer.concat([seed, point])), string(comment)]);
  const padding = Buffer.from(
    Array.from({ length: (BLOCK_BYTES - (secret.length % BLOCK_BYTES)) % BLOCK_BYTES }, (_, at) => at + 1),
  );
  const file = Buffer.concat([
    Buffer.from('openssh-key-v1\0', 'latin1'),
    ...['none', 'none', ''].map((value) => string(value)),
    uint32(1),
    string(publicBlob),
    string(Buffer.concat([secret, padding])),
  ]);
  const lines = file.toString('base64').match(/.{1,70}/g) ?? [];
  return {
    privateKey: ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n'),
    publicLine: publicLine(publicBlob, comment),
  };
}

/** The line for `authorized_keys` of a public key in SSH's own encoding (RFC 4253 section 6.6). */
export function publicLine(blob: Buffer, comment: string): string {
  return [typeOf(blob), blob.toString('base64'), ...(comment === '' ? [] : [comment])].join(' ');
}

/** The kind of a public key in SSH's own encoding: `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`. */
export function typeOf(blob: Buffer): string {
  return blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1');
}

/** A PKCS#8 key, which OpenSSH writes only when asked to and ssh2 does not read, in a form that it does. Throws a `TypeError` for kinds that SSH does not know. */
export function readableKey(key: KeyObject): string {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return key.export({ type: 'pkcs1', format: 'pem' }).toString();
    case 'ec':
      return key.export({ type: 'sec1', format: 'pem' }).toString();
    case 'ed25519':
      return toOpenSsh(key, '').privateKey;
    default:
      throw new TypeError('not a kind of key that SSH knows');
  }
}

function string(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
