import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noLeaks } from '../../support/leaks.ts';
import { eventually } from '../../support/test-database.ts';
import type { Json } from './json.ts';
import { LambdaFunction } from './lambda-function.ts';
import type { FunctionOptions } from './lambda-function.ts';
import { lambdaNode } from './lambda-node.ts';

const ASSET = `
import { setTimeout as delay } from 'node:timers/promises';
let count = 0;
const started = Date.now();
setInterval(() => { ticks += 1; }, 10).unref();
let ticks = 0;
export const ticking = async () => ticks;
export const echo = async (event, context) => ({ event, count: ++count, pid: process.pid, left: context.getRemainingTimeInMillis(), name: context.functionName, memory: context.memoryLimitInMB, arn: context.invokedFunctionArn });
export const variables = async () => process.env;
export const version = async () => process.versions.node;
export const fails = async () => { console.log('about to fail'); throw new TypeError('no such thing'); };
export const rejects = async () => { void Promise.reject(new Error('nobody waits')); await delay(60_000); };
export const exits = async () => process.exit(3);
export const hangs = async () => { await delay(60_000); };
export const large = async () => 'x'.repeat(7 * 1024 * 1024);
export const greedy = async () => { const all = []; for (;;) all.push(new Array(100_000).fill(Math.random())); };
export const callback = (event, context, done) => done(null, 1);
export const slow = async ({ ms }) => { await delay(ms); return process.pid; };
`;

let folder: string;
let node: string;

beforeAll(async () => {
  node = await lambdaNode();
  folder = await mkdtemp(join(tmpdir(), 'backstitch-asset-'));
  await writeFile(join(folder, 'index.mjs'), ASSET);
  await writeFile(join(folder, 'broken.mjs'), 'throw new RangeError("cannot load");');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function make(handler: string, options: Partial<FunctionOptions> = {}): LambdaFunction {
  return new LambdaFunction({
    node,
    taskRoot: folder,
    handler,
    name: 'toy',
    arn: 'arn:aws:lambda:eu-central-1:123456789012:function:toy',
    region: 'eu-central-1',
    memoryMb: 256,
    timeoutSeconds: 30,
    variables: {},
    platform: {},
    ...options,
  });
}

async function payload(made: LambdaFunction, input: Json = {}): Promise<Record<string, Json>> {
  const result = await made.invoke(input);
  if (result.kind !== 'ok') throw new Error(JSON.stringify(result));
  return result.payload as Record<string, Json>;
}

describe('a function', () => {
  test('runs on the Node.js of Lambda', async () => {
    await using made = make('index.version');
    expect(await made.invoke({})).toEqual({ kind: 'ok', payload: expect.stringMatching(/^24\./) });
  });

  test('is given its event and context, and is used again while warm', async () => {
    await using _ = await noLeaks();
    await using made = make('index.echo');
    const first = await payload(made, { a: [1, 'ü'] });
    const second = await payload(made, {});
    expect(first).toMatchObject({ event: { a: [1, 'ü'] }, count: 1, name: 'toy', memory: '256', arn: made.options.arn });
    expect(first['left']).toBeLessThanOrEqual(30_000);
    expect(second).toMatchObject({ count: 2, pid: first['pid'] });
    expect(made.invocations.map(({ cold }) => cold)).toEqual([true, false]);
    expect(made.coldStartsMs).toHaveLength(1);
    await made.forgetWarm();
    expect(await payload(made, {})).toMatchObject({ count: 1 });
  });

  test('sees nothing of the environment of this process', async () => {
    await using made = make('index.variables', {
      variables: { SETTING: 'from the template' },
      platform: { AWS_ACCESS_KEY_ID: 'AK' },
    });
    const seen = await payload(made);
    expect(seen).toMatchObject({ SETTING: 'from the template', AWS_ACCESS_KEY_ID: 'AK', AWS_REGION: 'eu-central-1' });
    const names = Object.keys(seen).filter((name) => !/^(AWS_|LAMBDA_|_)/.test(name));
    expect(names.sort()).toEqual(['LANG', 'PATH', 'SETTING', 'TMPDIR', 'TZ']);
  });

  test('has a sandbox for each invocation at the same time, up to its concurrency', async () => {
    await using made = make('index.slow', { reservedConcurrency: 2 });
    const results = await Promise.all([made.invoke({ ms: 300 }), made.invoke({ ms: 300 }), made.invoke({ ms: 300 })]);
    const pids = results.flatMap((result) => (result.kind === 'ok' ? [result.payload] : []));
    expect(new Set(pids).size).toBe(2);
    expect(results[2]).toMatchObject({ kind: 'refused', code: 'Lambda.TooManyRequestsException' });
  });

  test('does not live while nobody calls it', async () => {
    await using made = make('index.ticking');
    await made.invoke({});
    const before = Number(await made.invoke({}).then((result) => (result.kind === 'ok' ? result.payload : NaN)));
    const end = Date.now() + 500;
    await eventually('half a second', () => Date.now() > end);
    const after = Number(await made.invoke({}).then((result) => (result.kind === 'ok' ? result.payload : NaN)));
    expect(after - before).toBeLessThan(25);
  });

  const failures: readonly [what: string, handler: string, expected: object][] = [
    ['throws', 'index.fails', { errorType: 'TypeError', errorMessage: 'no such thing' }],
    [
      'leaves a rejection unhandled',
      'index.rejects',
      { errorType: 'Runtime.UnhandledPromiseRejection', errorMessage: 'nobody waits' },
    ],
    [
      'exits',
      'index.exits',
      {
        errorType: 'Runtime.ExitError',
        errorMessage: expect.stringMatching(/^RequestId: \S+ Error: Runtime exited with error: exit status 3$/),
      },
    ],
    ['needs more memory than it has', 'index.greedy', { errorType: 'Runtime.ExitError' }],
    ['answers with more than 6 MB', 'index.large', { errorType: 'Function.ResponseSizeTooLarge' }],
    ['cannot be loaded', 'broken.fails', { errorType: 'RangeError', errorMessage: 'cannot load' }],
    ['does not exist', 'index.nothing', { errorType: 'Runtime.HandlerNotFound' }],
    ['has no file', 'nothing.fails', { errorType: 'Runtime.ImportModuleError' }],
    ['wants a callback', 'index.callback', { errorType: 'Runtime.CallbackHandlerDeprecated' }],
  ];
  test.each(failures)('that %s is reported as Lambda does', async (_what, handler, expected) => {
    await using made = make(handler);
    expect(await made.invoke({})).toMatchObject({ kind: 'failed', error: expected });
  });

  test('is killed at its time limit, and the next invocation starts cold', async () => {
    await using made = make('index.hangs', { timeoutSeconds: 1 });
    const expected = {
      kind: 'failed',
      error: { errorType: 'Sandbox.Timedout', errorMessage: expect.stringContaining('Task timed out after 1.00 seconds') },
    };
    expect(await made.invoke({})).toMatchObject(expected);
    expect(await made.invoke({})).toMatchObject(expected);
    expect(made.coldStartsMs).toHaveLength(2);
  });

  test('may be killed in the middle of its work', async () => {
    await using made = make('index.hangs');
    const running = made.invoke({});
    await eventually('it works', () => made.coldStartsMs.length === 1);
    expect(made.killBusy()).toBe(1);
    expect(await running).toMatchObject({
      error: { errorType: 'Runtime.ExitError', errorMessage: expect.stringContaining('signal: killed') },
    });
  });

  test('is refused an event of more than 6 MB', async () => {
    await using made = make('index.echo');
    expect(await made.invoke('x'.repeat(7 * 1024 * 1024))).toMatchObject({ code: 'Lambda.RequestTooLargeException' });
  });

  test('writes to its log', async () => {
    await using made = make('index.fails');
    await made.invoke({});
    expect(made.log).toContain('about to fail');
  });
});
