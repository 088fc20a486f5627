export type S3Operation =
  | 'AbortMultipartUpload'
  | 'CompleteMultipartUpload'
  | 'CreateBucket'
  | 'CreateMultipartUpload'
  | 'DeleteObject'
  | 'DeleteObjects'
  | 'GetObject'
  | 'HeadBucket'
  | 'HeadObject'
  | 'ListMultipartUploads'
  | 'ListObjectsV2'
  | 'PutObject'
  | 'UploadPart';

/** What goes wrong with a request. */
export type Fault =
  /** Nothing is done, an error is answered. */
  | { readonly kind: 'error'; readonly code: string; readonly status: number }
  /** Nothing is done, the connection is reset. */
  | { readonly kind: 'reset' }
  /** Nothing is done, nothing is answered, until the client goes away. */
  | { readonly kind: 'hang' }
  /** It is done, but the connection is reset instead of the answer. */
  | { readonly kind: 'lose-response' }
  /** It is done and answered once `until` resolves. */
  | { readonly kind: 'wait'; readonly until: Promise<void> };

/** Answers that real S3 gives when it is busy or broken. */
export const SLOW_DOWN: Fault = { kind: 'error', code: 'SlowDown', status: 503 };
export const INTERNAL_ERROR: Fault = { kind: 'error', code: 'InternalError', status: 500 };
export const ACCESS_DENIED: Fault = { kind: 'error', code: 'AccessDenied', status: 403 };
export const CONFLICT: Fault = { kind: 'error', code: 'ConditionalRequestConflict', status: 409 };

interface Planned {
  readonly operation: S3Operation | '*';
  readonly fault: Fault;
  skip: number;
  times: number;
}

/** What is to go wrong, and how often. */
export class Faults {
  #planned: Planned[] = [];
  #decide: (operation: S3Operation) => Fault | undefined = () => undefined;

  /** The next `times` requests of an operation fail, after `after` that do not. */
  add(
    operation: S3Operation | '*',
    fault: Fault,
    { after = 0, times = 1 }: { readonly after?: number; readonly times?: number } = {},
  ): void {
    this.#planned.push({ operation, fault, skip: after, times });
  }

  /** Refuses with 403 until `clear()`. */
  forbid(operation: S3Operation | '*'): void {
    this.add(operation, ACCESS_DENIED, { times: Infinity });
  }

  /** Decides over each request for which nothing is planned, until `clear()`. */
  decide(decide: (operation: S3Operation) => Fault | undefined): void {
    this.#decide = decide;
  }

  clear(): void {
    this.#planned = [];
    this.#decide = () => undefined;
  }

  /** The fault of the request that arrives now. */
  take(operation: S3Operation): Fault | undefined {
    for (const planned of this.#planned) {
      if (planned.times === 0 || (planned.operation !== '*' && planned.operation !== operation)) continue;
      if (planned.skip > 0) {
        planned.skip--;
        continue;
      }
      planned.times--;
      return planned.fault;
    }
    return this.#decide(operation);
  }
}

export interface LoggedRequest {
  readonly operation: S3Operation;
  readonly key: string;
  /** Of the request's body. */
  readonly bytes: number;
  /** 0: no answer was given. */
  readonly status: number;
}

/** Requests in the order of their ends. */
export class RequestLog {
  #all: LoggedRequest[] = [];

  get all(): readonly LoggedRequest[] {
    return this.#all;
  }

  add(request: LoggedRequest): void {
    this.#all.push(request);
  }

  count(operation: S3Operation): number {
    return this.#all.filter((request) => request.operation === operation).length;
  }

  clear(): void {
    this.#all = [];
  }
}
