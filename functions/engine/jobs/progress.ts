/** What a running job tells whoever watches it. */
export type ProgressEvent =
  | { readonly kind: 'planned'; readonly streams: number; readonly units: number; readonly estimatedRows: number }
  | { readonly kind: 'units-added'; readonly count: number }
  | { readonly kind: 'unit-started'; readonly stream: string; readonly what: string }
  /** Rows since the last event of this stream. */
  | { readonly kind: 'rows'; readonly stream: string; readonly rows: number; readonly jsonBytes: number }
  | { readonly kind: 'unit-done'; readonly stream: string }
  | { readonly kind: 'stream-failed'; readonly stream: string; readonly code: string };

/** Must not throw or block. */
export type ProgressListener = (event: ProgressEvent) => void;
