/** An object that is durable in the sink. */
export interface StoredObject {
  /** Full key (S3) or path below the sink's folder. */
  readonly key: string;
  readonly kind: 'copy' | 'key' | 'log';
  readonly rows: number;
  /** Bytes as stored. */
  readonly bytes: number;
  /** Bytes of JSON Lines before compression. */
  readonly jsonBytes: number;
  /** Of the stored bytes, lower-case hex. */
  readonly sha256: string;
  /** Lowest and highest `_sdc_sequence`, decimal 64-bit. */
  readonly firstSequence: string;
  readonly lastSequence: string;
}

/** A block of whole JSON Lines. */
export interface EncodedBlock {
  readonly bytes: Buffer;
  readonly rows: number;
}
