const COPY_OUT_RESPONSE = 0x48;
/** ReadyForQuery but for its last byte, the state of the transaction. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5]);
/** The end of a COPY that succeeded: CommandComplete, ReadyForQuery. `COPY ` and the digits of the largest count fit into 64 bytes twice. */
const SUCCESS = /C\0\0\0.COPY \d+\0Z\0\0\0\x05[IT]$/s;
const SUCCESS_BYTES = 64;

/**
 * The answer to one COPY in text format, as the server gives it: from CopyOutResponse to ReadyForQuery. Messages are not looked at one by one: text has no zero bytes, so
 * ReadyForQuery looks like nothing that is within a row.
 */
export class Recording {
  readonly #chunks: Buffer[] = [];
  /** The last bytes of all chunks so far. */
  #end: Buffer = Buffer.alloc(0);

  /** Takes what arrived. Returns whether the answer has ended. */
  add(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    const end = chunk.subarray(-SUCCESS_BYTES);
    this.#end = (chunk.length < SUCCESS_BYTES ? Buffer.concat([this.#end, end]) : end).subarray(-SUCCESS_BYTES);
    const ready = this.#end.subarray(-READY.length - 1, -1);
    return ready.equals(READY);
  }

  /** All of it, once it has ended; undefined where it is no COPY that succeeded. */
  finish(): Buffer | undefined {
    const isCopy = this.#chunks[0]?.[0] === COPY_OUT_RESPONSE && SUCCESS.test(this.#end.toString('latin1'));
    return isCopy ? Buffer.concat(this.#chunks) : undefined;
  }
}
