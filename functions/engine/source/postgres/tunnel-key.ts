import { createPrivateKey } from 'node:crypto';
import ssh2 from 'ssh2';
import type { ParsedKey } from 'ssh2';
import { publicLine, readableKey } from './openssh-key.ts';

/** A private key that ssh2 can log in with. */
export interface TunnelKey {
  readonly key: ParsedKey;
  /** Its public half as `authorized_keys` has it. */
  readonly publicLine: string;
}

/** A private key cannot be used; `message` is for operators and holds nothing of it. */
export class UnreadableKey extends Error {
  override readonly name = 'UnreadableKey';
}

/** Reads a private key in OpenSSH's form or as PEM (PKCS#1, SEC 1, PKCS#8): ed25519, ECDSA or RSA. Throws an {@link UnreadableKey}. */
export function readTunnelKey(text: string, passphrase: string | undefined): TunnelKey {
  const isPkcs8 = /^-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/m.test(text);
  const parsed = isPkcs8 ? ssh2.utils.parseKey(fromPkcs8(text, passphrase)) : ssh2.utils.parseKey(text, passphrase);
  if (parsed instanceof Error) throw unreadable(text, passphrase, parsed);
  if (!parsed.isPrivateKey()) throw new UnreadableKey('it is a public key');
  return { key: parsed, publicLine: publicLine(parsed.getPublicSSH(), 'backstitch') };
}

function fromPkcs8(text: string, passphrase: string | undefined): string {
  try {
    return readableKey(createPrivateKey({ key: text, ...(passphrase === undefined ? {} : { passphrase }) }));
  } catch (error) {
    throw unreadable(text, passphrase, error);
  }
}

function unreadable(text: string, passphrase: string | undefined, cause: unknown): UnreadableKey {
  if (!/PRIVATE KEY-----/.test(text)) return new UnreadableKey('it is no private key in OpenSSH or PEM form', { cause });
  if (passphrase !== undefined) return new UnreadableKey('it is damaged, or the passphrase is wrong', { cause });
  const isEncrypted = /ENCRYPTED/.test(text) || (cause instanceof Error && /passphrase|encrypted/i.test(cause.message));
  return new UnreadableKey(
    isEncrypted ? 'it is encrypted, and there is no passphrase' : 'it is damaged, or of a kind that SSH does not know',
    {
      cause,
    },
  );
}
