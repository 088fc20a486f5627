import { randomBytes, randomUUID } from 'node:crypto';
import type { Json } from './json.ts';
import { PAYLOAD_LIMIT_BYTES } from './runtime-api.ts';
import type { FunctionError } from './runtime-api.ts';
import { Sandbox } from './sandbox.ts';
import type { SandboxOptions } from './sandbox.ts';

export interface FunctionOptions extends Omit<SandboxOptions, 'environment' | 'onLine'> {
  readonly name: string;
  readonly arn: string;
  readonly region: string;
  readonly timeoutSeconds: number;
  /** Absent: as many sandboxes as are asked for at the same time. */
  readonly reservedConcurrency?: number;
  /** Of the template. */
  readonly variables: Readonly<Record<string, string>>;
  /** Endpoints of emulators, the credentials of its role. */
  readonly platform: Readonly<Record<string, string>>;
}

/** What came of an invocation. */
export type InvokeResult =
  | { readonly kind: 'ok'; readonly payload: Json }
  /** The function failed: `FunctionError` of the invoke API. */
  | { readonly kind: 'failed'; readonly error: FunctionError }
  /** The invoke API refused. */
  | {
      readonly kind: 'refused';
      readonly code: 'Lambda.TooManyRequestsException' | 'Lambda.RequestTooLargeException';
      readonly message: string;
    };

/** One invocation as it was seen from outside. */
export interface InvocationRecord {
  readonly requestId: string;
  readonly input: Json;
  readonly cold: boolean;
  readonly result: InvokeResult;
  readonly durationMs: number;
}

/** A Lambda function: its sandboxes, warm ones first, one invocation at a time in each. */
export class LambdaFunction implements AsyncDisposable {
  readonly options: FunctionOptions;
  /** Lines of all sandboxes in the order in which they came. */
  readonly log: string[] = [];
  readonly invocations: InvocationRecord[] = [];
  /** Milliseconds of the initialization of each sandbox. */
  readonly coldStartsMs: number[] = [];
  readonly #warm: Sandbox[] = [];
  readonly #busy = new Set<Sandbox>();
  readonly #starting = new Set<Promise<Sandbox>>();
  #disposed = false;
  #inFlight = 0;
  #throttles = 0;

  constructor(options: FunctionOptions) {
    this.options = options;
  }

  /** Invocations that run now. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Makes the next `count` invocations fail as if the account's concurrency were used up. */
  throttle(count: number): void {
    this.#throttles = count;
  }

  /** Kills every sandbox that works at this moment; returns how many. */
  killBusy(): number {
    for (const sandbox of this.#busy) sandbox.kill();
    return this.#busy.size;
  }

  /** Ends sandboxes that have nothing to do, so that the next invocations start cold. */
  async forgetWarm(): Promise<void> {
    await Promise.all(this.#warm.splice(0).map((sandbox) => sandbox[Symbol.asyncDispose]()));
  }

  async invoke(payload: Json): Promise<InvokeResult> {
    const text = JSON.stringify(payload);
    const bytes = Buffer.byteLength(text);
    if (bytes > PAYLOAD_LIMIT_BYTES) {
      const message = `Request must be smaller than ${PAYLOAD_LIMIT_BYTES} bytes for the InvokeFunction operation`;
      return { kind: 'refused', code: 'Lambda.RequestTooLargeException', message };
    }
    const isFull = this.#inFlight >= (this.options.reservedConcurrency ?? Infinity);
    if (isFull || this.#throttles > 0) {
      this.#throttles = Math.max(this.#throttles - 1, 0);
      return { kind: 'refused', code: 'Lambda.TooManyRequestsException', message: 'Rate Exceeded.' };
    }
    this.#inFlight += 1;
    try {
      return await this.#run(payload, text);
    } finally {
      this.#inFlight -= 1;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await Promise.allSettled(this.#starting);
    const all = [...this.#warm.splice(0), ...this.#busy];
    await Promise.all(all.map((sandbox) => sandbox[Symbol.asyncDispose]()));
  }

  async #run(input: Json, payload: string): Promise<InvokeResult> {
    const requestId = randomUUID();
    const startedAt = performance.now();
    const warm = this.#warm.pop();
    const note = (result: InvokeResult): InvokeResult => {
      const durationMs = performance.now() - startedAt;
      this.invocations.push({ requestId, input, cold: warm === undefined, result, durationMs });
      return result;
    };
    const sandbox = warm ?? (await this.#start());
    this.#busy.add(sandbox);
    try {
      if (warm === undefined) {
        const failure = await sandbox.whenReady();
        if (failure !== undefined) return note({ kind: 'failed', error: failure });
        if (sandbox.initMs !== undefined) this.coldStartsMs.push(sandbox.initMs);
      }
      const { timeoutSeconds, arn } = this.options;
      const invocation = {
        requestId,
        payload,
        functionArn: arn,
        deadlineMs: Date.now() + timeoutSeconds * 1_000,
        traceId: `Root=1-${Math.floor(Date.now() / 1_000).toString(16)}-${randomBytes(12).toString('hex')};Parent=${randomBytes(8).toString('hex')};Sampled=0`,
      };
      const outcome = await sandbox.invoke(invocation, timeoutSeconds);
      if (outcome.kind === 'response') return note({ kind: 'ok', payload: outcome.payload });
      return note({ kind: 'failed', error: outcome.error });
    } finally {
      this.#busy.delete(sandbox);
      if (!sandbox.isDead) {
        if (this.#disposed) await sandbox[Symbol.asyncDispose]();
        else this.#warm.push(sandbox);
      }
    }
  }

  async #start(): Promise<Sandbox> {
    if (this.#disposed) throw new Error(`${this.options.name} is gone`);
    const { name, memoryMb, region, variables, platform, ...options } = this.options;
    const stream = `2026/01/01/[$LATEST]${randomBytes(16).toString('hex')}`;
    const starting = Sandbox.start({
      ...options,
      memoryMb,
      onLine: (line) => this.log.push(line),
      environment: {
        AWS_REGION: region,
        AWS_DEFAULT_REGION: region,
        AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
        AWS_LAMBDA_FUNCTION_NAME: name,
        AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
        AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
        AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${name}`,
        AWS_LAMBDA_LOG_STREAM_NAME: stream,
        ...platform,
        ...variables,
      },
    });
    this.#starting.add(starting);
    try {
      return await starting;
    } finally {
      this.#starting.delete(starting);
    }
  }
}
