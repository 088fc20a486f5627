import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { crc32 } from 'node:zlib';

/** An answer of S3 that is an error: its code and HTTP status. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
export class S3Error extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message = code) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export type ChecksumAlgorithm = 'CRC32' | 'CRC32C' | 'SHA1' | 'SHA256';
const ALGORITHMS: readonly ChecksumAlgorithm[] = ['CRC32', 'CRC32C', 'SHA1', 'SHA256'];

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64, with `-n` for a composite of n parts. */
  readonly value: string;
}

/** A checksum as the headers name it. */
export function checksumOf(algorithm: ChecksumAlgorithm, bytes: Buffer): string {
  switch (algorithm) {
    case 'CRC32':
      return base64Of32Bits(crc32(bytes));
    case 'CRC32C':
      return base64Of32Bits(crc32c(bytes));
    case 'SHA1':
      return createHash('sha1').update(bytes).digest('base64');
    case 'SHA256':
      return createHash('sha256').update(bytes).digest('base64');
  }
}

/** The algorithm that a header names; undefined without one. Throws `InvalidRequest` for one that is not known here. */
export function algorithmNamed(name: string | undefined): ChecksumAlgorithm | undefined {
  if (name === undefined) return undefined;
  const found = ALGORITHMS.find((algorithm) => algorithm === name.toUpperCase());
  if (found === undefined) throw new S3Error('InvalidRequest', 400, `Checksum algorithm ${name} is not supported.`);
  return found;
}

/**
 * The body of a request as it was before the transport, verified against every digest that came with it. Throws `BadDigest`, `XAmzContentSHA256Mismatch`,
 * `IncompleteBody`, `InvalidRequest`.
 */
export function receivedBody(
  headers: IncomingHttpHeaders,
  raw: Buffer,
): { readonly body: Buffer; readonly checksum: Checksum | undefined } {
  const payload = one(headers['x-amz-content-sha256']) ?? '';
  const chunked = payload.startsWith('STREAMING-');
  const { body, trailers } = chunked ? unchunked(raw) : { body: raw, trailers: new Map<string, string>() };
  const announced = one(headers[chunked ? 'x-amz-decoded-content-length' : 'content-length']);
  if (announced !== undefined && Number(announced) !== body.length) throw new S3Error('IncompleteBody', 400);
  let sha256: string | undefined;
  /** Clients name the same digest twice: bodies are read for it once. */
  const digestOf = (algorithm: ChecksumAlgorithm): string =>
    algorithm === 'SHA256' ? (sha256 ??= checksumOf(algorithm, body)) : checksumOf(algorithm, body);
  if (/^[0-9a-f]{64}$/.test(payload) && payload !== Buffer.from(digestOf('SHA256'), 'base64').toString('hex')) {
    throw new S3Error('XAmzContentSHA256Mismatch', 400);
  }
  const md5 = one(headers['content-md5']);
  if (md5 !== undefined && md5 !== createHash('md5').update(body).digest('base64')) throw new S3Error('BadDigest', 400);
  const promised = one(headers['x-amz-trailer']);
  if (promised !== undefined && !trailers.has(promised)) throw new S3Error('MalformedTrailerError', 400);
  return { body, checksum: verifiedChecksum(headers, trailers, digestOf) };
}

function verifiedChecksum(
  headers: IncomingHttpHeaders,
  trailers: ReadonlyMap<string, string>,
  digestOf: (algorithm: ChecksumAlgorithm) => string,
): Checksum | undefined {
  const given = ALGORITHMS.flatMap((algorithm) => {
    const header = `x-amz-checksum-${algorithm.toLowerCase()}`;
    const value = one(headers[header]) ?? trailers.get(header);
    return value === undefined ? [] : [{ algorithm, value }];
  });
  if (given.length > 1) throw new S3Error('InvalidRequest', 400, 'Expecting a single x-amz-checksum- header.');
  const [checksum] = given;
  if (checksum === undefined) return undefined;
  const actual = digestOf(checksum.algorithm);
  if (Buffer.from(checksum.value, 'base64').length !== Buffer.from(actual, 'base64').length) {
    throw new S3Error('InvalidRequest', 400, `Value for x-amz-checksum-${checksum.algorithm.toLowerCase()} header is invalid.`);
  }
  if (checksum.value !== actual) {
    throw new S3Error('BadDigest', 400, `The ${checksum.algorithm} you specified did not match the calculated checksum.`);
  }
  return checksum;
}

/** `size[;chunk-signature=...]\r\n bytes \r\n ... 0\r\n trailer: value\r\n \r\n`. https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html */
function unchunked(raw: Buffer): { readonly body: Buffer; readonly trailers: ReadonlyMap<string, string> } {
  const chunks: Buffer[] = [];
  let at = 0;
  const line = (): string => {
    const end = raw.indexOf('\r\n', at);
    if (end === -1) throw new S3Error('IncompleteBody', 400);
    const text = raw.toString('latin1', at, end);
    at = end + 2;
    return text;
  };
  for (;;) {
    const size = /^([0-9a-fA-F]+)(;.*)?$/.exec(line())?.[1];
    if (size === undefined) throw new S3Error('InvalidRequest', 400, 'bad chunk size');
    const bytes = Number.parseInt(size, 16);
    if (bytes === 0) break;
    if (at + bytes + 2 > raw.length || raw.toString('latin1', at + bytes, at + bytes + 2) !== '\r\n')
      throw new S3Error('IncompleteBody', 400);
    chunks.push(raw.subarray(at, at + bytes));
    at += bytes + 2;
  }
  const trailers = new Map<string, string>();
  while (at < raw.length) {
    const text = line();
    const colon = text.indexOf(':');
    if (colon > 0) trailers.set(text.slice(0, colon).trim().toLowerCase(), text.slice(colon + 1).trim());
  }
  return { body: Buffer.concat(chunks), trailers };
}

export function one(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : header?.[0];
}

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Contents of all elements of a name, without regard to nesting: enough for the two request bodies that S3 has. */
export function elements(xml: string, name: string): readonly string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([\\s\\S]*?)</${name}>`, 'g'))].map((match) => match[1] ?? '');
}

export function unescapeXml(text: string): string {
  return text
    .replaceAll(/&#(x[0-9a-fA-F]+|\d+);/g, (_, code: string) =>
      String.fromCodePoint(code.startsWith('x') ? Number.parseInt(code.slice(1), 16) : Number(code)),
    )
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&');
}

function base64Of32Bits(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes.toString('base64');
}

/** Castagnoli, reflected: RFC 3720 B.4. */
const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC32C_TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
