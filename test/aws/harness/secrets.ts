import { once } from 'node:events';
import { createServer } from 'node:http';
import { targetOf } from './access.ts';

/** A Secrets Manager that knows some texts and gives them away: `GetSecretValue` only. */
export async function startSecrets(
  values: Readonly<Record<string, string>>,
): Promise<AsyncDisposable & { readonly endpoint: string }> {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (text: string) => (body += text));
    request.on('end', () => {
      const { SecretId: id = '' } = JSON.parse(body) as { readonly SecretId?: string };
      const value = targetOf(request.headers) === 'GetSecretValue' ? values[id] : undefined;
      const answer =
        value === undefined
          ? { __type: 'ResourceNotFoundException', Message: 'no such secret' }
          : { Name: id, SecretString: value };
      response.writeHead(value === undefined ? 400 : 200, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(answer));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
