/** A container whose pieces can be made apart from each other. */
export interface PieceFormat {
  readonly head: Buffer;
  /** Whether what a piece becomes needs memory: then large blocks are cut. */
  readonly isCut: boolean;
  /** Called in the order of the pieces. */
  piece(bytes: Buffer): Promise<Buffer>;
  /** What follows the last piece. */
  tail(): Promise<Buffer>;
  /** Gives up what `tail` has not ended. */
  close(): void;
}

/** Larger than what most pieces of 1 MiB become: each further chunk is another turn through the pool. */
export const OUTPUT_CHUNK_BYTES = 512 * 1024;
