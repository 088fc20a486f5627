/** See `bundle.mjs`. */
export declare function bundle(outDir: string): Promise<{
  /** Names in the folder. */
  readonly files: readonly string[];
  /** Of all files together. */
  readonly bytes: number;
  /** Paths of the sources, from the root of the repository. */
  readonly inputs: readonly string[];
}>;
