import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';

/**
 * How the connection is encrypted and whom it trusts. The modes mean what they mean to libpq
 * (https://www.postgresql.org/docs/current/libpq-ssl.html): `require` encrypts and, given a `ca`, checks the chain as `verify-ca` does;
 * `verify-ca` without a `ca` would trust a stranger's certificate of any public authority, so it checks the name too.
 */
export type TlsSettings =
  | { readonly mode: 'disable' }
  | {
      readonly mode: 'require' | 'verify-ca' | 'verify-full';
      /** PEM of the authorities to trust instead of the system's. */
      readonly ca?: string;
      readonly client?: { readonly certificate: string; readonly key: string; readonly passphrase?: string };
      /** @default the host of the endpoint, also through a tunnel */
      readonly serverName?: string;
    };

/** Node's options for these settings and this host. Pure: pg's own reading of `sslmode` differs and is not used. */
export function tlsOptions(settings: Exclude<TlsSettings, { mode: 'disable' }>, host: string): ConnectionOptions {
  const { mode, ca, client } = settings;
  const name = settings.serverName ?? host;
  const verifiesChain = mode !== 'require' || ca !== undefined;
  const verifiesName = mode === 'verify-full' || (mode === 'verify-ca' && ca === undefined);
  return {
    host: name,
    // RFC 6066 section 3: no server name indication for an address.
    ...(isIP(name) === 0 ? { servername: name } : {}),
    rejectUnauthorized: verifiesChain,
    ...(ca === undefined ? {} : { ca }),
    ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
    ...(client?.passphrase === undefined ? {} : { passphrase: client.passphrase }),
    ...(verifiesName ? {} : { checkServerIdentity: () => undefined }),
  };
}

/** A failure of the TLS handshake itself; `reason` is for operators and holds no secret. */
export class TlsFailure extends Error {
  readonly reason: string;

  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'TlsFailure';
    this.reason = reason;
  }
}

/** `SSLRequest`: length 8, code 80877103. https://www.postgresql.org/docs/current/protocol-message-formats.html */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/**
 * Asks a fresh connection for TLS and shakes hands. Rejects with a {@link TlsFailure}, or with the system error of a broken connection.
 * Destroy `socket` to give up waiting.
 */
export async function upgradeToTls(
  socket: Duplex,
  settings: Exclude<TlsSettings, { mode: 'disable' }>,
  host: string,
): Promise<TLSSocket> {
  const answer = await askForTls(socket);
  if (answer.toString('latin1') !== 'S') throw new TlsFailure(refusal(answer));
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void =>
      reject(isHandshakeError(error) ? new TlsFailure(tlsReason(error), { cause: error }) : error);
    let secure: TLSSocket;
    try {
      secure = tlsConnect({ ...tlsOptions(settings, host), socket });
    } catch (error) {
      // A ca, certificate or key that is no PEM, or a wrong passphrase.
      reject(new TlsFailure('ca, client certificate or key cannot be read', { cause: error }));
      return;
    }
    secure.once('error', onError);
    secure.once('close', () => onError(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
    secure.once('secureConnect', () => {
      secure.removeAllListeners('error');
      secure.removeAllListeners('close');
      resolve(secure);
    });
  });
}

function askForTls(socket: Duplex): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      socket.off('data', onData);
      socket.off('error', onError);
      socket.off('close', onClose);
    };
    const onData = (bytes: Buffer): void => {
      done();
      // Stop the flow until the handshake reads on.
      socket.pause();
      resolve(bytes);
    };
    const onError = (error: Error): void => {
      done();
      reject(error);
    };
    const onClose = (): void => onError(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
    socket.on('data', onData);
    socket.on('error', onError);
    socket.on('close', onClose);
    socket.write(SSL_REQUEST);
  });
}

function refusal(answer: Buffer): string {
  switch (answer[0]) {
    case 0x4e: // N
      return 'the server does not offer TLS';
    case 0x53: // S and more: bytes that were sent in clear before the handshake (CVE-2021-23222)
      return 'something was sent before the handshake, as by a man in the middle';
    case 0x45: // E: an error from before the server's main loop, such as no memory for a new process
      return 'the server answered with an error instead of TLS';
    default:
      return 'what answers is not PostgreSQL';
  }
}

/** Whether an error comes from TLS rather than from the network below it. */
export function isHandshakeError(error: Error): boolean {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return code in REASONS || /^(ERR_SSL|ERR_TLS|ERR_OSSL|CERT_|UNABLE_TO|EPROTO)/.test(code);
}

/** What an operator can do something with; codes of OpenSSL and Node otherwise. */
export function tlsReason(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  const words = REASONS[code];
  return words === undefined ? code : `${words} (${code})`;
}

const REASONS: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: "the server's certificate is for another host name",
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is self-signed and not in ca",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate comes from an authority that is not in ca",
  UNABLE_TO_GET_ISSUER_CERT: "the server's certificate comes from an authority that is not in ca",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the server's certificate comes from an authority that is not in ca",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the server's certificate comes from an authority that is not in ca",
  CERT_SIGNATURE_FAILURE: "the server's certificate was not signed by an authority in ca",
  EPROTO: 'the server speaks no version of TLS that is allowed here',
};
