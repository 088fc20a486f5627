/**
 * Buffers of one part each, used again by all uploads of a sink: there are never more than were in use at one time. Leaving them to the garbage collector
 * would hold several times as much, since it does not see memory outside its heap soon enough.
 */
export class PartBuffers {
  readonly partBytes: number;
  readonly #free: Buffer[] = [];

  constructor(partBytes: number) {
    this.partBytes = partBytes;
  }

  /** A buffer of `partBytes` with anything in it. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.partBytes);
  }

  /** Only buffers that nobody can still read: not those of a request that was retried or given up, whose socket may still send from them. */
  give(buffer: Buffer): void {
    this.#free.push(buffer);
  }
}
