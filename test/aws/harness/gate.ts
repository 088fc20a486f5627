import { once } from 'node:events';
import { Agent, createServer, request as forward } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { decide, forbids } from './iam.ts';
import type { AccessRequest } from './iam.ts';
import type { Json, JsonObject } from './json.ts';
import type { WireRequest } from './access.ts';

/** Who asks, by the access key of its credentials. */
export interface Principal {
  /** Name of the role. */
  readonly name: string;
  readonly accessKeyId: string;
  readonly statements: readonly JsonObject[];
}

/** One request of a function with what IAM says to it. */
export interface AccessRecord extends AccessRequest {
  readonly principal: string;
  readonly allowed: boolean;
}

export interface GateOptions {
  readonly principals: readonly Principal[];
  /** Where requests go that are allowed: an emulator. */
  readonly target: string;
  /** What permissions a request needs. */
  readonly access: (request: WireRequest) => readonly AccessRequest[];
  /** What permission it takes to be told that something is not there; without it the answer is a refusal. */
  readonly hides?: (request: WireRequest) => AccessRequest | undefined;
  /** How the service says no. */
  readonly refusal: 's3' | 'json';
  /** Policy of the resource: what it denies is refused whatever roles allow. */
  readonly resourcePolicy?: Json;
}

/** Stands before an emulator and answers as the account's IAM would: by the policies of the template for the role whose credentials signed the request. */
export interface Gate extends AsyncDisposable {
  readonly endpoint: string;
  readonly records: readonly AccessRecord[];
}

export async function startGate(options: GateOptions): Promise<Gate> {
  const records: AccessRecord[] = [];
  const agent = new Agent({ keepAlive: true });
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      // The one who asked went away, or the harness does not know what it asked for: the latter must not look like a passing trouble.
      if (!response.destroyed) response.writeHead(501).end(error instanceof Error ? error.message : '');
    });
  });
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const wire: WireRequest = {
      method: request.method ?? 'GET',
      url: request.url ?? '/',
      headers: request.headers,
      body: await readBody(request),
    };
    const principal = principalOf(wire, options.principals);
    for (const needed of options.access(wire)) {
      const allowed = decide(principal.statements, needed) === 'allowed' && !forbids(options.resourcePolicy, needed);
      records.push({ ...needed, principal: principal.name, allowed });
      if (!allowed) {
        refuse(
          response,
          options.refusal,
          `${principal.name} is not authorized to perform: ${needed.action} on resource: ${needed.resource}`,
        );
        return;
      }
    }
    const answer = await ask(options.target, agent, wire);
    const hidden = answer.statusCode === 404 ? options.hides?.(wire) : undefined;
    if (hidden !== undefined && decide(principal.statements, hidden) !== 'allowed') {
      answer.resume();
      records.push({ ...hidden, principal: principal.name, allowed: false });
      refuse(response, options.refusal, `${principal.name} is not authorized to perform: ${hidden.action}`);
      return;
    }
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    answer.pipe(response);
    await once(answer, 'close');
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    records,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
      agent.destroy();
    },
  };
}

function principalOf({ headers }: WireRequest, principals: readonly Principal[]): Principal {
  const [, accessKeyId] = /Credential=([^/]+)\//.exec(headers['authorization']?.toString() ?? '') ?? [];
  const principal = principals.find((known) => known.accessKeyId === accessKeyId);
  if (principal === undefined) throw new Error(`Nobody has the access key ${String(accessKeyId)}`);
  return principal;
}

function refuse(response: ServerResponse, refusal: GateOptions['refusal'], message: string): void {
  if (refusal === 's3') {
    response.writeHead(403, { 'content-type': 'application/xml' });
    response.end(`<Error><Code>AccessDenied</Code><Message>${message.replaceAll('<', '&lt;')}</Message></Error>`);
  } else {
    response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify({ __type: 'com.amazon.coral.service#AccessDeniedException', Message: message }));
  }
}

async function ask(target: string, agent: Agent, wire: WireRequest): Promise<IncomingMessage> {
  const { 'transfer-encoding': _, ...headers } = wire.headers;
  const sent = forward(new URL(wire.url, target), {
    method: wire.method,
    agent,
    headers: { ...headers, 'content-length': String(wire.body.length) },
  });
  sent.end(wire.body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return answer;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
