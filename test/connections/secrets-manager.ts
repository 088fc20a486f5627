import { once } from 'node:events';
import { createServer } from 'node:http';

/** As much of AWS Secrets Manager as we use, on 127.0.0.1; the SDK finds it by the environment until it is disposed of. */
export interface SecretsManager extends AsyncDisposable {
  /** By name; undefined: a secret without a value. */
  readonly secrets: Map<string, string | undefined>;
  /** Values that were read, in order. */
  readonly reads: readonly string[];
  /** Called before a value is read, as a rotation may come in between. */
  beforeRead: (count: number) => Promise<void> | void;
  /** From now on everything is refused. */
  deny(): void;
}

const ENVIRONMENT = {
  AWS_REGION: 'eu-west-1',
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
} as const;

export async function startSecretsManager(): Promise<SecretsManager> {
  const secrets = new Map<string, string | undefined>();
  const reads: string[] = [];
  const state = { denied: false };
  const handle = async (
    operation: string,
    input: Readonly<Record<string, string>>,
  ): Promise<readonly [status: number, body: object]> => {
    if (state.denied) return [400, { __type: 'AccessDeniedException', message: 'no' }];
    const name = input['Name'] ?? input['SecretId'] ?? '';
    if (operation === 'CreateSecret') {
      if (secrets.has(name)) return [400, { __type: 'ResourceExistsException', message: 'there is one' }];
      secrets.set(name, input['SecretString']);
      return [200, { Name: name }];
    }
    if (operation === 'GetSecretValue') await manager.beforeRead(reads.length);
    if (!secrets.has(name)) return [400, { __type: 'ResourceNotFoundException', message: 'there is none' }];
    const value = secrets.get(name);
    switch (operation) {
      case 'DescribeSecret':
        return [200, { Name: name, ...(value === undefined ? {} : { VersionIdsToStages: { v1: ['AWSCURRENT'] } }) }];
      case 'PutSecretValue':
        secrets.set(name, input['SecretString']);
        return [200, { Name: name }];
      case 'GetSecretValue':
        if (value === undefined) return [400, { __type: 'ResourceNotFoundException', message: 'it has no value' }];
        reads.push(value);
        return [200, { Name: name, SecretString: value }];
      default:
        return [400, { __type: 'UnknownOperationException', message: operation }];
    }
  };
  const server = createServer((request, response) => {
    void (async () => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
      const [status, answer] = await handle(operation, JSON.parse(body) as Record<string, string>);
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(answer));
    })();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
  const restore = withEnvironment({
    ...ENVIRONMENT,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: `http://127.0.0.1:${String(address.port)}`,
  });
  const manager: SecretsManager = {
    secrets,
    reads,
    beforeRead: () => undefined,
    deny: () => {
      state.denied = true;
    },
    [Symbol.asyncDispose]: async () => {
      restore();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return manager;
}

/** Sets variables of this process, and gives what puts the old ones back. */
export function withEnvironment(variables: Readonly<Record<string, string | undefined>>): () => void {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  const set = (entries: readonly (readonly [string, string | undefined])[]): void => {
    for (const [name, value] of entries) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  };
  set(Object.entries(variables));
  return () => set(before);
}
