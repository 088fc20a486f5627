import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { deferred } from './deferred.ts';
import type { Deferred } from './deferred.ts';
import { isArray, isObject, parseJson } from './json.ts';
import type { Json } from './json.ts';

/** Of what is sent to a function and of what it answers, in bytes: Lambda's limit of synchronous invocations. */
export const PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024;
const API = '/2018-06-01/runtime';

/** What a sandbox is asked to do. */
export interface Invocation {
  readonly requestId: string;
  readonly functionArn: string;
  readonly deadlineMs: number;
  readonly traceId: string;
  readonly payload: string;
}

export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

/** What a runtime posts at the end of an invocation. */
export type Posted =
  { readonly kind: 'response'; readonly payload: Json } | { readonly kind: 'error'; readonly error: FunctionError };

/**
 * The Lambda Runtime API for one sandbox: `next`, `response`, `error` and `init/error` as in docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. One invocation at a time.
 */
export class RuntimeApi implements AsyncDisposable {
  /** Value of `AWS_LAMBDA_RUNTIME_API`. */
  readonly address: string;
  /** Resolves if the runtime says that it could not load its handler. */
  readonly initError: Promise<FunctionError>;
  readonly #server: Server;
  #pollArrived = deferred<ServerResponse>();
  #invocation: { readonly id: string; readonly posted: Deferred<Posted> } | undefined;
  readonly #initError = deferred<FunctionError>();

  static async start(): Promise<RuntimeApi> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new RuntimeApi(server);
  }

  constructor(server: Server) {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    this.#server = server;
    this.address = `127.0.0.1:${address.port}`;
    this.initError = this.#initError.promise;
    // A sandbox is frozen for as long as nobody needs it, and its connection with it.
    server.keepAliveTimeout = 0;
    server.requestTimeout = 0;
    server.on('request', (request, response) => void this.#serve(request, response));
  }

  /** Resolves when the runtime waits for its next invocation. */
  async whenWaiting(): Promise<void> {
    await this.#pollArrived.promise;
  }

  /** Gives the waiting runtime an invocation; resolves with what it posts, which may be never. */
  async deliver(invocation: Invocation): Promise<Posted> {
    const poll = await this.#pollArrived.promise;
    this.#pollArrived = deferred<ServerResponse>();
    const posted = deferred<Posted>();
    this.#invocation = { id: invocation.requestId, posted };
    poll.writeHead(200, {
      'Content-Type': 'application/json',
      'Lambda-Runtime-Aws-Request-Id': invocation.requestId,
      'Lambda-Runtime-Deadline-Ms': String(invocation.deadlineMs),
      'Lambda-Runtime-Invoked-Function-Arn': invocation.functionArn,
      'Lambda-Runtime-Trace-Id': invocation.traceId,
    });
    poll.end(invocation.payload);
    return posted.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    if (request.method === 'GET' && path === `${API}/invocation/next`) {
      this.#pollArrived.resolve(response);
      return;
    }
    let body: string;
    try {
      body = await readBody(request);
    } catch {
      return; // The sandbox was killed in the middle of its answer.
    }
    response.writeHead(this.#take(request.method ?? '', path, body), { 'Content-Type': 'application/json' });
    response.end('{"status":"OK"}');
  }

  /** Takes what the runtime posts; returns the status of the answer. */
  #take(method: string, path: string, body: string): number {
    if (method !== 'POST') return 404;
    if (path === `${API}/init/error`) {
      this.#initError.resolve(functionError(body));
      return 202;
    }
    const [, id, verb] = /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/(response|error)$/.exec(path) ?? [];
    const current = this.#invocation;
    if (current === undefined || id !== current.id) return 400;
    this.#invocation = undefined;
    if (verb === 'error') {
      current.posted.resolve({ kind: 'error', error: functionError(body) });
      return 202;
    }
    if (Buffer.byteLength(body) > PAYLOAD_LIMIT_BYTES) {
      const errorMessage = `Response payload size exceeded maximum allowed payload size (${PAYLOAD_LIMIT_BYTES} bytes).`;
      current.posted.resolve({ kind: 'error', error: { errorType: 'Function.ResponseSizeTooLarge', errorMessage } });
      return 413;
    }
    current.posted.resolve({ kind: 'response', payload: parseJson(body) });
    return 202;
  }
}

function functionError(body: string): FunctionError {
  const value = parseJson(body);
  if (!isObject(value)) return { errorType: 'Runtime.Unknown', errorMessage: body };
  const { errorType = 'Runtime.Unknown', errorMessage = '', trace } = value;
  return {
    errorType: typeof errorType === 'string' ? errorType : JSON.stringify(errorType),
    errorMessage: typeof errorMessage === 'string' ? errorMessage : JSON.stringify(errorMessage),
    ...(isArray(trace) ? { trace: trace.filter((line) => typeof line === 'string') } : {}),
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
