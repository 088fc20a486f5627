/**
 * Somewhere objects can be put: a bucket with a prefix, or a folder. Keys are relative to it, with `/` between parts; one that not every sink could hold throws
 * `key-unsuitable` (see `checkKey`). All methods throw `sink-missing`, `sink-forbidden`, `sink-full`, `sink-failed`, or the reason of an aborted signal.
 */
export interface Sink extends AsyncDisposable {
  /** As configured, for messages: `s3://bucket/prefix` or `file:./out`. */
  readonly url: string;
  /** The full name under which a reader finds a key: S3 key with prefix, or path below the folder. */
  nameOf(key: string): string;
  /** Proves that the sink is there and takes writes, without leaving anything behind. Throws `sink-missing`, `sink-forbidden`. */
  check(signal: AbortSignal): Promise<void>;
  /** Begins an object that nobody else has written. Nothing is visible under `key` before `complete()`. */
  create(key: string, content: ContentHeaders, signal: AbortSignal): Promise<Upload>;
  /** Writes a small object at once, replacing what was there. Durable when it resolves. */
  put(key: string, body: Uint8Array, content: ContentHeaders, signal: AbortSignal): Promise<void>;
  /** The whole of a small object, or undefined. */
  read(key: string, signal: AbortSignal): Promise<Buffer | undefined>;
  /** Keys below a prefix in ascending order. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<{ readonly key: string; readonly bytes: number }>;
  /** Removes objects; missing ones are no error. */
  remove(keys: readonly string[], signal: AbortSignal): Promise<void>;
  /** Gives up unfinished uploads below a prefix (multipart uploads, temporary files) that `isAbandoned` says nobody works on. Returns how many. */
  abandonUploads(prefix: string, isAbandoned: (key: string) => boolean, signal: AbortSignal): Promise<number>;
}

export interface ContentHeaders {
  readonly contentType: string;
  readonly contentEncoding?: string;
}

/** An object in the making. Disposing it before `complete()` resolved leaves nothing behind. */
export interface Upload extends AsyncDisposable {
  /** Resolves when more may be written: back-pressure is awaiting it. Says nothing about durability. The bytes are the caller's again once it has resolved. */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes the object durable and visible, with a checksum that the store verified where it can. Throws `object-exists` if the key is taken. */
  complete(): Promise<void>;
}
