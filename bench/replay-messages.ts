const QUERY = 0x51;
/** Of the messages that a session begins with: length and code, no type. */
const START_HEADER_BYTES = 8;
/** Type and length. */
const HEADER_BYTES = 5;
/** https://www.postgresql.org/docs/current/protocol-message-formats.html: each is followed by another message without a type, if by any. */
const START_CODES = { cancel: 80_877_102, tls: 80_877_103, gss: 80_877_104 } as const;

/** One message of a client, as it is, and the statement of a `COPY ... TO STDOUT` if it asks for one as a simple query. */
export interface ClientMessage {
  readonly bytes: Buffer;
  readonly copySql?: string;
}

/** Cuts what a client of PostgreSQL sends into its messages. */
export async function* clientMessages(chunks: AsyncIterable<Buffer>): AsyncGenerator<ClientMessage> {
  let rest: Buffer = Buffer.alloc(0);
  let isStarted = false;
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const length = isStarted ? messageBytes(rest) : startBytes(rest);
      if (length === undefined || rest.length < length) break;
      const bytes = rest.subarray(0, length);
      rest = rest.subarray(length);
      const copySql = isStarted ? copySqlOf(bytes) : undefined;
      isStarted ||= isLastOfStart(bytes);
      yield { bytes, ...(copySql === undefined ? {} : { copySql }) };
    }
  }
}

function startBytes(bytes: Buffer): number | undefined {
  return bytes.length < START_HEADER_BYTES ? undefined : bytes.readUInt32BE(0);
}

function messageBytes(bytes: Buffer): number | undefined {
  return bytes.length < HEADER_BYTES ? undefined : 1 + bytes.readUInt32BE(1);
}

function isLastOfStart(bytes: Buffer): boolean {
  return !Object.values<number>(START_CODES).includes(bytes.readUInt32BE(4));
}

function copySqlOf(bytes: Buffer): string | undefined {
  if (bytes[0] !== QUERY) return undefined;
  // Without the zero at the end.
  const sql = bytes.toString('utf8', HEADER_BYTES, bytes.length - 1);
  return /^copy .* to stdout$/is.test(sql) ? sql : undefined;
}
