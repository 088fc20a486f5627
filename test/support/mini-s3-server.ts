import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';

/** PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
}

/** A server on 127.0.0.1; its end cuts all connections. */
export interface LocalServer extends AsyncDisposable {
  readonly endpoint: string;
}

/** Serves requests by HTTP, or with `tls` by HTTPS. */
export async function openServer(
  serve: (request: IncomingMessage, response: ServerResponse) => void,
  tls: ServerTls | undefined,
): Promise<LocalServer> {
  const server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    endpoint: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
