import { describe, expect, test } from 'vitest';
import type { Json } from './json.ts';
import { StatesError } from './states-error.ts';
import { startExecution } from './states.ts';
import type { Execution, ExecutionEnd, HistoryEvent } from './states.ts';
import type { StatesWorld, TaskRequest } from './states-world.ts';

type Task = (request: TaskRequest, signal: AbortSignal) => Promise<Json>;

interface Outcome {
  readonly end: ExecutionEnd;
  readonly history: readonly HistoryEvent[];
  /** Waits of Retry and Wait, in seconds. */
  readonly pauses: readonly number[];
}

const never: StatesWorld['clock']['limit'] = () => new Promise<void>(() => undefined);

function begin(
  definition: object,
  input: Json,
  task: Task,
  limit: StatesWorld['clock']['limit'] = never,
): { readonly execution: Execution; readonly pauses: number[] } {
  const pauses: number[] = [];
  const machine = {
    arn: 'arn:aws:states:eu-central-1:123456789012:stateMachine:toy',
    name: 'toy',
    roleArn: 'arn:aws:iam::123456789012:role/toy',
    definition: JSON.stringify(definition),
  };
  const clock = {
    now: () => new Date('2026-01-01T00:00:00Z'),
    pause: async (ms: number) => void pauses.push(ms / 1_000),
    limit,
  };
  return { execution: startExecution(machine, { input, name: 'run' }, { task, clock, random: () => 0.5 }), pauses };
}

async function run(definition: object, input: Json, task: Task = async ({ parameters }) => parameters): Promise<Outcome> {
  const { execution, pauses } = begin(definition, input, task);
  return { end: await execution.end, history: execution.history, pauses };
}

const one = (state: object): object => ({ StartAt: 'S', States: { S: state } });
const echo = { Type: 'Task', Resource: 'echo', End: true };
const fails = (...names: readonly string[]): Task => {
  let calls = 0;
  return async () => {
    const name = names[calls++];
    if (name !== undefined) throw new StatesError(name, `cause of ${name}`);
    return 'done';
  };
};

describe('an execution', () => {
  test('follows the states to the end', async () => {
    const { end, history } = await run(
      {
        StartAt: 'A',
        States: {
          A: { Type: 'Pass', Result: { x: 1 }, ResultPath: '$.a', Next: 'B' },
          B: { Type: 'Succeed', OutputPath: '$.a' },
        },
      },
      { i: 0 },
    );
    expect(end).toEqual({ status: 'SUCCEEDED', output: { x: 1 } });
    expect(history.map(({ type }) => type)).toEqual([
      'ExecutionStarted',
      'PassStateEntered',
      'PassStateExited',
      'SucceedStateEntered',
      'SucceedStateExited',
      'ExecutionSucceeded',
    ]);
  });

  const flows: readonly [what: string, state: object, input: Json, output: Json][] = [
    ['InputPath', { ...echo, InputPath: '$.a' }, { a: { b: 1 } }, { b: 1 }],
    ['InputPath null', { ...echo, InputPath: null }, { a: 1 }, {}],
    [
      'Parameters with paths',
      { ...echo, Parameters: { 'x.$': '$.a[1]', y: { 'z.$': '$' }, w: 'as it is' } },
      { a: [1, 2] },
      { x: 2, y: { z: { a: [1, 2] } }, w: 'as it is' },
    ],
    [
      'the context object',
      { ...echo, Parameters: { 'id.$': '$$.Execution.Id', 'at.$': '$$.Execution.StartTime', 'state.$': '$$.State.Name' } },
      {},
      { id: 'arn:aws:states:eu-central-1:123456789012:execution:toy:run', at: '2026-01-01T00:00:00.000Z', state: 'S' },
    ],
    ['ResultSelector', { ...echo, ResultSelector: { 'only.$': '$.b' } }, { b: 2, c: 3 }, { only: 2 }],
    ['ResultPath', { ...echo, ResultPath: '$.r.s' }, { a: 1 }, { a: 1, r: { s: { a: 1 } } }],
    ['ResultPath null', { ...echo, ResultPath: null }, { a: 1 }, { a: 1 }],
    ['OutputPath', { ...echo, OutputPath: '$.a' }, { a: 1 }, 1],
  ];
  test.each(flows)('applies %s', async (_what, state, input, output) => {
    expect((await run(one(state), input)).end).toEqual({ status: 'SUCCEEDED', output });
  });

  const defects: readonly [what: string, state: object, input: Json, error: string][] = [
    ['a path that leads nowhere', { ...echo, Parameters: { 'x.$': '$.no' } }, {}, 'States.ParameterPathFailure'],
    ['a result that cannot be put', { ...echo, ResultPath: '$.a.b' }, { a: 1 }, 'States.ResultPathMatchFailure'],
    [
      'no choice',
      { Type: 'Choice', Choices: [{ Variable: '$.a', NumericEquals: 2, Next: 'S' }] },
      { a: 1 },
      'States.NoChoiceMatched',
    ],
    [
      'a choice by what is absent',
      { Type: 'Choice', Choices: [{ Variable: '$.no', NumericEquals: 2, Next: 'S' }] },
      { a: 1 },
      'States.Runtime',
    ],
    ['Fail', { Type: 'Fail', Error: 'Mine', Cause: 'because' }, {}, 'Mine'],
    ['Fail by path', { Type: 'Fail', ErrorPath: '$.e', CausePath: "States.Format('{}!', $.e)" }, { e: 'Yours' }, 'Yours'],
    ['more than 256 KB', { Type: 'Pass', End: true }, 'x'.repeat(262_145), 'States.DataLimitExceeded'],
    ['a map over no list', { Type: 'Map', End: true, ItemProcessor: one(echo) }, {}, 'States.Runtime'],
  ];
  test.each(defects)('fails for %s', async (_what, state, input, error) => {
    expect((await run(one(state), input)).end).toMatchObject({ status: 'FAILED', error });
  });

  test('fails when its history is full', async () => {
    const loop = { StartAt: 'A', States: { A: { Type: 'Pass', Next: 'A' } } };
    const { end, history } = await run(loop, {});
    expect(end).toMatchObject({ status: 'FAILED', error: 'States.Runtime' });
    expect(history).toHaveLength(25_000);
  });

  const unknown: readonly [what: string, definition: object][] = [
    ['a field', one({ ...echo, HeartbeatSeconds: 3 })],
    ['a type', one({ Type: 'Dance', End: true })],
    ['JSONata', { ...one(echo), QueryLanguage: 'JSONata' }],
    [
      'a distributed map',
      one({ Type: 'Map', End: true, ItemProcessor: { ...one(echo), ProcessorConfig: { Mode: 'DISTRIBUTED' } } }),
    ],
  ];
  test.each(unknown)('refuses %s that it does not know', async (_what, definition) => {
    await expect(async () => run(definition, [1])).rejects.toThrow('This interpreter');
  });
});

describe('Retry and Catch', () => {
  const retried = {
    ...echo,
    Retry: [
      { ErrorEquals: ['A'], IntervalSeconds: 2, MaxAttempts: 2, BackoffRate: 3 },
      { ErrorEquals: ['States.ALL'], MaxAttempts: 1, JitterStrategy: 'FULL' },
    ],
  };

  test('retries with growing waits until it goes', async () => {
    expect(await run(one(retried), {}, fails('A', 'B', 'A'))).toMatchObject({
      end: { status: 'SUCCEEDED', output: 'done' },
      pauses: [2, 0.5, 6],
    });
  });

  test('gives up after the attempts of the retrier that names the error', async () => {
    expect(await run(one(retried), {}, fails('A', 'A', 'A'))).toMatchObject({
      end: { status: 'FAILED', error: 'A', cause: 'cause of A' },
    });
    expect(await run(one(retried), {}, fails('B', 'B'))).toMatchObject({ end: { error: 'B' } });
  });

  test('does not wait longer than MaxDelaySeconds', async () => {
    const state = {
      ...echo,
      Retry: [{ ErrorEquals: ['A'], IntervalSeconds: 10, MaxAttempts: 3, BackoffRate: 10, MaxDelaySeconds: 30 }],
    };
    expect((await run(one(state), {}, fails('A', 'A', 'A'))).pauses).toEqual([10, 30, 30]);
  });

  const caught = {
    ...echo,
    Catch: [
      { ErrorEquals: ['States.Timeout'], Next: 'T' },
      { ErrorEquals: ['States.TaskFailed'], ResultPath: '$.error', Next: 'C' },
    ],
  };
  const definition = {
    StartAt: 'S',
    States: { S: caught, T: { Type: 'Pass', Result: 'timeout', End: true }, C: { Type: 'Pass', End: true } },
  };
  const errors: readonly [error: string, end: object][] = [
    ['Sandbox.Timedout', { output: { a: 1, error: { Error: 'Sandbox.Timedout', Cause: 'cause of Sandbox.Timedout' } } }],
    ['States.Timeout', { output: 'timeout' }],
    ['States.DataLimitExceeded', { status: 'FAILED' }],
    ['States.Runtime', { status: 'FAILED' }],
  ];
  test.each(errors)('%s goes where its catcher says', async (error, end) => {
    expect((await run(definition, { a: 1 }, fails(error))).end).toMatchObject(end);
  });

  test('a task that takes too long fails with States.Timeout', async () => {
    const { execution } = begin(one({ ...echo, TimeoutSeconds: 900 }), {}, never as unknown as Task, async () => undefined);
    expect(await execution.end).toMatchObject({ status: 'FAILED', error: 'States.Timeout' });
  });

  test('an execution that takes too long is timed out', async () => {
    const { execution } = begin({ ...one(echo), TimeoutSeconds: 86_400 }, {}, never as unknown as Task, async () => undefined);
    expect(await execution.end).toMatchObject({ status: 'TIMED_OUT' });
  });
});

describe('Map and Parallel', () => {
  const map = {
    Type: 'Map',
    ItemsPath: '$.items',
    ItemSelector: { 'value.$': '$$.Map.Item.Value', 'index.$': '$$.Map.Item.Index', 'all.$': '$.job' },
    ItemProcessor: { ProcessorConfig: { Mode: 'INLINE' }, ...one(echo) },
    End: true,
  };

  test('each item is selected and the results keep their order', async () => {
    const { end } = await run(one(map), { job: 'j', items: ['a', 'b'] });
    expect(end).toMatchObject({
      output: [
        { value: 'a', index: 0, all: 'j' },
        { value: 'b', index: 1, all: 'j' },
      ],
    });
  });

  test('no more than MaxConcurrency run at a time', async () => {
    let [now, most] = [0, 0];
    const task: Task = async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      return --now;
    };
    await run(one({ ...map, MaxConcurrency: 2 }), { job: 'j', items: [1, 2, 3, 4, 5] }, task);
    expect(most).toBe(2);
  });

  test('the first failure stops the others, which nothing waits for', async () => {
    let aborted = 0;
    const task: Task = async ({ parameters }, signal) => {
      if ((parameters as { readonly index: number }).index === 0) throw new StatesError('Bad', '');
      signal.addEventListener('abort', () => (aborted += 1));
      return never(0, signal) as unknown as Promise<Json>;
    };
    expect((await run(one(map), { job: 'j', items: [1, 2, 3] }, task)).end).toMatchObject({ status: 'FAILED', error: 'Bad' });
    expect(aborted).toBe(2);
  });

  test('an empty list is done at once, and a failed map can be caught', async () => {
    expect((await run(one(map), { job: 'j', items: [] })).end).toMatchObject({ output: [] });
    const states = {
      S: { ...map, Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.e', Next: 'E' }] },
      E: { Type: 'Pass', InputPath: '$.e.Error', End: true },
    };
    expect((await run({ StartAt: 'S', States: states }, { job: 'j', items: [1] }, fails('Bad'))).end).toMatchObject({
      output: 'Bad',
    });
  });

  test('branches run side by side', async () => {
    const state = { Type: 'Parallel', Branches: [one({ Type: 'Pass', Result: 1, End: true }), one({ ...echo })], End: true };
    expect((await run(one(state), 'in')).end).toMatchObject({ output: [1, 'in'] });
  });
});

describe('stop', () => {
  test('ends the execution at once; nothing new begins', async () => {
    let calls = 0;
    const states = {
      A: {
        ...echo,
        End: undefined,
        Next: 'B',
        Retry: [{ ErrorEquals: ['States.ALL'] }],
        Catch: [{ ErrorEquals: ['States.ALL'], Next: 'B' }],
      },
      B: echo,
    };
    const { execution } = begin({ StartAt: 'A', States: JSON.parse(JSON.stringify(states)) as object }, {}, async () => {
      calls += 1;
      execution.stop({ error: 'User', cause: 'by hand' });
      return never(0, new AbortController().signal) as unknown as Promise<Json>;
    });
    expect(await execution.end).toEqual({ status: 'ABORTED', error: 'User', cause: 'by hand' });
    expect(calls).toBe(1);
  });
});

describe('Wait', () => {
  test.each([
    ['Seconds', { Seconds: 30 }, 30],
    ['SecondsPath', { SecondsPath: '$.s' }, 5],
    ['Timestamp', { Timestamp: '2026-01-01T00:01:00Z' }, 60],
    ['TimestampPath', { TimestampPath: '$.t' }, 0],
  ])('%s', async (_what, fields, seconds) => {
    const input = { s: 5, t: '2025-01-01T00:00:00Z' };
    expect(await run(one({ Type: 'Wait', End: true, ...fields }), input)).toMatchObject({
      end: { output: input },
      pauses: [seconds],
    });
  });
});
