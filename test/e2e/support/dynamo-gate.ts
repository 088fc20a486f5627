import { Agent, createServer, request as send } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';

/** What goes wrong with a request to DynamoDB. */
export type DynamoFault =
  /** Nothing is done, an error is answered. */
  | { readonly kind: 'error'; readonly name: string; readonly status: number }
  /** Nothing is done, the connection is reset. */
  | { readonly kind: 'reset' }
  /** It is done, but the connection is reset instead of the answer. */
  | { readonly kind: 'lose-answer' };

/** Answers that DynamoDB gives when it is busy or broken, and what networks add. */
export const DYNAMO_TROUBLE: readonly DynamoFault[] = [
  { kind: 'error', name: 'ThrottlingException', status: 400 },
  { kind: 'error', name: 'ProvisionedThroughputExceededException', status: 400 },
  { kind: 'error', name: 'InternalServerError', status: 500 },
  { kind: 'reset' },
  { kind: 'lose-answer' },
];

export interface DynamoRequest {
  /** `PutItem`. */
  readonly operation: string;
  /** Sort key of the one item that it is about, if it is about one. */
  readonly item: string | undefined;
}

/** Stands before an emulator of DynamoDB: counts requests by operation, and lets them fail. */
export interface DynamoGate extends AsyncDisposable {
  readonly endpoint: string;
  /** All requests since the start or the last `clear`, refused and failed ones included. */
  readonly requests: readonly DynamoRequest[];
  clear(): void;
  /** Decides over each request from now on. */
  fail(decide: (operation: string) => DynamoFault | undefined): void;
}

/** Opens a gate to the emulator at `endpoint`. */
export async function openDynamoGate(endpoint: string): Promise<DynamoGate> {
  const target = new URL(endpoint);
  const agent = new Agent({ keepAlive: true });
  let requests: DynamoRequest[] = [];
  let decide: (operation: string) => DynamoFault | undefined = () => undefined;

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const operation = String(request.headers['x-amz-target']).replace(/^.*\./, '');
    const body = await buffer(request);
    requests.push({ operation, item: itemIn(body) });
    const fault = decide(operation);
    if (fault?.kind === 'reset') return void request.socket.resetAndDestroy();
    if (fault?.kind === 'error') {
      const error = { __type: `com.amazonaws.dynamodb.v20120810#${fault.name}`, message: 'injected' };
      return void response.writeHead(fault.status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(error));
    }
    const { method, headers } = request;
    const passed = send({ host: target.hostname, port: target.port, agent, method, headers, path: request.url });
    passed.end(body);
    const [answer] = (await once(passed, 'response')) as [IncomingMessage];
    const answered = await buffer(answer);
    if (fault?.kind === 'lose-answer') return void request.socket.resetAndDestroy();
    response.writeHead(answer.statusCode ?? 500, answer.headers).end(answered);
  };
  const server = createServer((request, response) => {
    // Whatever breaks here looks like a broken network to the client.
    serve(request, response).catch(() => request.socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');

  return {
    endpoint: `http://127.0.0.1:${String(address.port)}`,
    get requests() {
      return requests;
    },
    clear: () => {
      requests = [];
    },
    fail: (next) => {
      decide = next;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await once(server, 'close');
    },
  };
}

function itemIn(body: Buffer): string | undefined {
  type Keyed = Readonly<Record<string, { readonly S?: string } | undefined>>;
  const { Key, Item } = JSON.parse(body.toString()) as { readonly Key?: Keyed; readonly Item?: Keyed };
  return (Key ?? Item)?.['sk']?.S;
}
