import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { deferred } from './deferred.ts';
import { RuntimeApi } from './runtime-api.ts';
import type { FunctionError, Invocation, Posted } from './runtime-api.ts';

const BOOTSTRAP = fileURLToPath(new URL('./bootstrap.mjs', import.meta.url));
/** Lambda gives initialization this long. */
const INIT_LIMIT_MS = 10_000;
/** A machine that runs other tests at the same time is slower than Lambda is. */
const PATIENCE = 6;

export interface SandboxOptions {
  readonly node: string;
  /** Folder of the unpacked asset. */
  readonly taskRoot: string;
  /** `file.export`. */
  readonly handler: string;
  readonly memoryMb: number;
  /** Everything that the function sees besides what every sandbox has. */
  readonly environment: Readonly<Record<string, string>>;
  readonly onLine: (line: string) => void;
}

/** How an invocation ended. */
export type SandboxOutcome = Posted | { readonly kind: 'dead'; readonly error: FunctionError };

/** One execution environment: a process of Lambda's Node.js with nothing of this process in its environment. Frozen (SIGSTOP) whenever it has nothing to do, as Lambda does. */
export class Sandbox implements AsyncDisposable {
  /** From the start of the process until it waited for work: start of Node.js, import of the bundle, top-level code. Undefined until then. */
  initMs: number | undefined;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #api: RuntimeApi;
  readonly #exited: Promise<string>;
  readonly #folder: string;
  #dead = false;

  static async start(options: SandboxOptions): Promise<Sandbox> {
    const [api, folder] = await Promise.all([RuntimeApi.start(), mkdtemp(join(tmpdir(), 'backstitch-sandbox-'))]);
    return new Sandbox(options, api, folder);
  }

  constructor(options: SandboxOptions, api: RuntimeApi, folder: string) {
    this.#api = api;
    this.#folder = folder;
    const startedAt = performance.now();
    // A tenth is left to buffers and code, about as the managed runtime does.
    const heapMb = Math.floor(options.memoryMb * 0.9);
    const child = spawn(options.node, [`--max-old-space-size=${heapMb}`, BOOTSTRAP], {
      cwd: options.taskRoot,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        LANG: 'en_US.UTF-8',
        TZ: ':UTC',
        // Each sandbox has a /tmp of its own.
        TMPDIR: folder,
        LAMBDA_TASK_ROOT: options.taskRoot,
        AWS_LAMBDA_RUNTIME_API: api.address,
        _HANDLER: options.handler,
        ...options.environment,
      },
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', options.onLine);
    const exited = deferred<string>();
    child.once('error', (error) => {
      this.#dead = true;
      exited.resolve(`cannot start: ${error.message}`);
    });
    child.once('exit', (code, signal) => {
      this.#dead = true;
      exited.resolve(signal === null ? `exit status ${String(code)}` : `signal: ${signal === 'SIGKILL' ? 'killed' : signal}`);
    });
    this.#exited = exited.promise;
    void api.whenWaiting().then(() => (this.initMs = performance.now() - startedAt));
  }

  get isDead(): boolean {
    return this.#dead;
  }

  /** Resolves when the handler is loaded and waits for work; otherwise with why it does not. */
  async whenReady(): Promise<FunctionError | undefined> {
    using limit = timer(INIT_LIMIT_MS * PATIENCE);
    const outcome = await Promise.race([
      this.#api.whenWaiting().then(() => undefined),
      this.#api.initError,
      this.#exited.then((how) => ({ errorType: 'Runtime.ExitError', errorMessage: `Error: Runtime exited with error: ${how}` })),
      limit.promise.then(() => ({ errorType: 'Sandbox.Timedout', errorMessage: 'Error: Initialization timed out' })),
    ]);
    if (outcome !== undefined) await this[Symbol.asyncDispose]();
    return outcome;
  }

  /** Carries out one invocation; kills the process at its deadline. After `dead` it is of no use any more. */
  async invoke(invocation: Invocation, timeoutSeconds: number): Promise<SandboxOutcome> {
    const dead = async (errorType: string, text: string): Promise<SandboxOutcome> => {
      await this[Symbol.asyncDispose]();
      return { kind: 'dead', error: { errorType, errorMessage: `RequestId: ${invocation.requestId} Error: ${text}` } };
    };
    this.#child.kill('SIGCONT');
    using limit = timer(invocation.deadlineMs - Date.now());
    const outcome = await Promise.race([
      this.#api.deliver(invocation),
      this.#exited.then((how) => `Runtime exited with error: ${how}`),
      limit.promise.then(() => undefined),
    ]);
    if (outcome === undefined) return await dead('Sandbox.Timedout', `Task timed out after ${timeoutSeconds.toFixed(2)} seconds`);
    if (typeof outcome === 'string') return await dead('Runtime.ExitError', outcome);
    await Promise.race([this.#api.whenWaiting(), this.#exited]);
    this.#child.kill('SIGSTOP');
    return outcome;
  }

  /** As the machine beneath it failing: at once, in the middle of whatever it does. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
    await this.#api[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function timer(ms: number): Disposable & { readonly promise: Promise<void> } {
  const { promise, resolve } = deferred<undefined>();
  const handle = setTimeout(() => resolve(undefined), Math.max(ms, 0));
  return { promise, [Symbol.dispose]: () => clearTimeout(handle) };
}
