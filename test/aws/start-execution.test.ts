import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { startExecution } from '../../functions/start-execution.ts';

interface Request {
  /** `AWSStepFunctions.StartExecution` without its service. */
  readonly operation: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly authorization: string;
}

type Answer = { readonly body: unknown } | { readonly error: string; readonly message: string; readonly status?: number };

interface StepFunctions extends AsyncDisposable {
  readonly requests: readonly Request[];
}

/** Step Functions as far as a start needs it (JSON 1.0 protocol), at the endpoint that the SDK takes from the environment. */
async function stepFunctions(answer: (request: Request) => Answer): Promise<StepFunctions> {
  const requests: Request[] = [];
  const server = createServer((message, response) => {
    void bodyOf(message).then((body) => {
      const target = String(message.headers['x-amz-target']);
      const request = {
        operation: target.replace('AWSStepFunctions.', ''),
        body,
        authorization: message.headers.authorization ?? '',
      };
      requests.push(request);
      const said = answer(request);
      const [status, text] =
        'error' in said ? [said.status ?? 400, { __type: said.error, message: said.message }] : [200, said.body];
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(text));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('AWS_ENDPOINT_URL_SFN', `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
  return {
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function bodyOf(message: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Readonly<Record<string, unknown>>;
}

function machine(name: string, partition = 'aws'): Readonly<Record<string, unknown>> {
  const stateMachineArn = `arn:${partition}:states:eu-central-1:123456789012:stateMachine:${name}`;
  return { name, stateMachineArn, type: 'STANDARD', creationDate: 1_700_000_000 };
}

function executionOf(partition = 'aws', region = 'eu-central-1'): string {
  return `arn:${partition}:states:${region}:123456789012:execution:backstitch-shop:0a1b`;
}

/** Answers as an account with these pages of state machines does. */
function account(pages: readonly (readonly unknown[])[], executionArn = executionOf()): (request: Request) => Answer {
  return ({ operation, body }) => {
    if (operation === 'StartExecution') return { body: { executionArn, startDate: 1_700_000_000 } };
    const at = Number(body['nextToken'] ?? 0);
    const more = at + 1 < pages.length ? { nextToken: String(at + 1) } : {};
    return { body: { stateMachines: pages[at] ?? [], ...more } };
  };
}

const folder = mkdtempSync(join(tmpdir(), 'backstitch-start-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'a-secret');
  vi.stubEnv('AWS_SESSION_TOKEN', undefined);
  vi.stubEnv('AWS_PROFILE', undefined);
  vi.stubEnv('AWS_DEFAULT_REGION', undefined);
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'none'));
  vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'none'));
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
});
afterEach(() => {
  vi.unstubAllEnvs();
});

function start(signal = AbortSignal.timeout(30_000)): ReturnType<typeof startExecution> {
  return startExecution({ stateMachineName: 'backstitch-shop' }, signal);
}

describe('starting an execution', () => {
  test('starts the state machine of exactly this name, as a start by hand', async () => {
    await using sfn = await stepFunctions(account([[machine('backstitch-shop2'), machine('backstitch-shop')]]));

    const started = await start();

    expect(started.executionArn).toBe(executionOf());
    expect(sfn.requests.map(({ operation }) => operation)).toEqual(['ListStateMachines', 'StartExecution']);
    const { stateMachineArn, input } = sfn.requests[1]?.body ?? {};
    expect(stateMachineArn).toBe('arn:aws:states:eu-central-1:123456789012:stateMachine:backstitch-shop');
    expect(JSON.parse(String(input))).toEqual({ trigger: 'manual' });
    expect(sfn.requests[1]?.authorization).toContain('/eu-central-1/states/');
  });

  test('looks through all pages, and no further than to where the machine is', async () => {
    await using sfn = await stepFunctions(
      account([[machine('a'), machine('b')], [], [machine('backstitch-shop')], [machine('z')]]),
    );

    await start();

    expect(sfn.requests.map(({ operation, body }) => [operation, body['nextToken']])).toEqual([
      ['ListStateMachines', undefined],
      ['ListStateMachines', '1'],
      ['ListStateMachines', '2'],
      ['StartExecution', undefined],
    ]);
  });

  test.each([
    [
      'aws',
      'eu-central-1',
      'https://eu-central-1.console.aws.amazon.com/states/home?region=eu-central-1#/v2/executions/details/',
    ],
    ['aws-cn', 'cn-north-1', 'https://cn-north-1.console.amazonaws.cn/states/home?region=cn-north-1#/v2/executions/details/'],
    [
      'aws-us-gov',
      'us-gov-west-1',
      'https://us-gov-west-1.console.amazonaws-us-gov.com/states/home?region=us-gov-west-1#/v2/executions/details/',
    ],
  ])('says where the console of %s shows it', async (partition, region, page) => {
    const execution = executionOf(partition, region);
    await using _ = await stepFunctions(account([[machine('backstitch-shop', partition)]], execution));

    expect(await start()).toEqual({ executionArn: execution, consoleUrl: `${page}${execution}` });
  });

  test('says that there is no such machine, and starts none', async () => {
    await using sfn = await stepFunctions(account([[machine('a')], [machine('backstitch-shop-2')]]));

    await expect(start()).rejects.toMatchObject({
      code: 'execution-not-started',
      message: 'The state machine backstitch-shop was not started: there is no such state machine.',
    });
    expect(sfn.requests.every(({ operation }) => operation === 'ListStateMachines')).toBe(true);
  });

  test.each(['ListStateMachines', 'StartExecution'])('names a refusal of %s, and not what the refusal says', async (refused) => {
    const open = account([[machine('backstitch-shop')]]);
    const message = 'User: arn:aws:iam::123456789012:user/ada is not authorized';
    await using _ = await stepFunctions((request) =>
      request.operation === refused ? { error: 'AccessDeniedException', message } : open(request),
    );

    const error: unknown = await start().catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({
      code: 'execution-not-started',
      message: 'The state machine backstitch-shop was not started: AccessDeniedException.',
      remedy: expect.stringContaining('AWS_PROFILE, AWS_REGION'),
    });
  });

  test('tries again where the service stumbles', async () => {
    const open = account([[machine('backstitch-shop')]]);
    let stumbles = 1;
    await using sfn = await stepFunctions((request) => {
      stumbles -= 1;
      return stumbles < 0 ? open(request) : { error: 'InternalFailure', message: 'oops', status: 500 };
    });

    expect((await start()).executionArn).toBe(executionOf());
    expect(sfn.requests.length).toBe(3);
  });

  test('says that there are no credentials', async () => {
    await using sfn = await stepFunctions(account([[machine('backstitch-shop')]]));
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_ROLE_ARN'] as const)
      vi.stubEnv(name, undefined);
    for (const name of ['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI', 'AWS_CONTAINER_CREDENTIALS_FULL_URI'])
      vi.stubEnv(name, undefined);

    await expect(start()).rejects.toMatchObject({
      code: 'execution-not-started',
      message: 'The state machine backstitch-shop was not started: no credentials of AWS were found.',
    });
    expect(sfn.requests).toEqual([]);
  });

  test('says that there is no region', async () => {
    await using _ = await stepFunctions(account([[machine('backstitch-shop')]]));
    vi.stubEnv('AWS_REGION', undefined);

    await expect(start()).rejects.toMatchObject({
      message: 'The state machine backstitch-shop was not started: no region is set.',
    });
  });

  test('is given up with its signal', async () => {
    const abort = new AbortController();
    await using _ = await stepFunctions(() => {
      abort.abort(new DOMException('enough', 'AbortError'));
      return { body: { stateMachines: [] } };
    });

    await expect(start(abort.signal)).rejects.toThrow('enough');
  });
});
