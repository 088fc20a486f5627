import { isArray, isObject, listAt, numberAt, objectAt, textAt } from './json.ts';
import type { Json, JsonObject } from './json.ts';
import { choiceHolds } from './states-choice.ts';
import { Aborted, StatesError, matchesError, retryDelayMs } from './states-error.ts';
import { applyTemplate, evaluate, placeResult, requiredAt, selectPath } from './states-paths.ts';
import type { Scope } from './states-paths.ts';
import { DATA_LIMIT_BYTES } from './states-world.ts';
import type { StatesWorld } from './states-world.ts';

/** One execution, or one branch of it. */
export interface Run {
  readonly world: StatesWorld;
  /** Aborts when the execution was stopped or a sibling failed. */
  readonly signal: AbortSignal;
  readonly context: JsonObject;
  /** Adds to the history; throws when it is full. */
  readonly note: (type: string, state: string | null) => void;
}

/** What a state hands on. `next` is undefined at the end. */
interface Step {
  readonly output: Json;
  readonly next: string | undefined;
}

const COMMON = ['Type', 'Comment', 'InputPath', 'OutputPath', 'QueryLanguage'];
const NEXT = ['Next', 'End'];
const RESULT = ['Parameters', 'ResultPath', 'ResultSelector', 'Retry', 'Catch'];
/** Every field that is understood, by type of state; any other is refused, so that nothing is passed over in silence. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  Task: [...COMMON, ...NEXT, ...RESULT, 'Resource', 'TimeoutSeconds'],
  Map: [...COMMON, ...NEXT, ...RESULT, 'ItemsPath', 'ItemSelector', 'ItemProcessor', 'Iterator', 'MaxConcurrency'],
  Parallel: [...COMMON, ...NEXT, ...RESULT, 'Branches'],
  Pass: [...COMMON, ...NEXT, 'Parameters', 'Result', 'ResultPath'],
  Wait: [...COMMON, ...NEXT, 'Seconds', 'SecondsPath', 'Timestamp', 'TimestampPath'],
  Choice: [...COMMON, 'Choices', 'Default'],
  Succeed: COMMON,
  Fail: ['Type', 'Comment', 'QueryLanguage', 'Error', 'Cause', 'ErrorPath', 'CausePath'],
};

/** Runs `States` from `StartAt` to an end. Throws `StatesError`, or `Aborted` at the next state once the run was stopped. */
export async function runGraph(graph: JsonObject, input: Json, run: Run): Promise<Json> {
  const states = objectAt(graph, 'States');
  let value = limited(input);
  for (let name: string | undefined = textAt(graph, 'StartAt'); name !== undefined;) {
    run.signal.throwIfAborted();
    const state = objectAt(states, name);
    const step: Step = await runState(name, state, value, run);
    value = limited(step.output);
    name = step.next;
  }
  return value;
}

async function runState(name: string, state: JsonObject, input: Json, run: Run): Promise<Step> {
  const type = textAt(state, 'Type');
  checkFields(name, type, state);
  run.note(`${type}StateEntered`, name);
  const entered = run.world.clock.now().toISOString();
  for (let attempts = new Map<JsonObject, number>(), retries = 0; ; retries++) {
    const context = { ...run.context, State: { EnteredTime: entered, Name: name, RetryCount: retries } };
    try {
      const step = await attempt(name, state, input, { ...run, context });
      run.note(`${type}StateExited`, name);
      return step;
    } catch (error) {
      if (!(error instanceof StatesError)) throw error;
      const retrier = rules(state, 'Retry').find((rule) => matchesError(rule, error.error));
      const used = retrier === undefined ? 0 : (attempts.get(retrier) ?? 0);
      const delayMs = retrier === undefined ? undefined : retryDelayMs(retrier, used, run.world.random);
      if (retrier !== undefined && delayMs !== undefined) {
        attempts = new Map([...attempts, [retrier, used + 1]]);
        await unlessAborted(run.world.clock.pause(delayMs, run.signal), run.signal);
        continue;
      }
      const catcher = rules(state, 'Catch').find((rule) => matchesError(rule, error.error));
      if (catcher === undefined) throw error;
      run.note(`${type}StateExited`, name);
      const caught = { Error: error.error, Cause: error.stateCause };
      return { output: placeResult(catcher['ResultPath'], input, caught), next: textAt(catcher, 'Next') };
    }
  }
}

async function attempt(name: string, state: JsonObject, raw: Json, run: Run): Promise<Step> {
  const scope: Scope = { input: selectPath(state['InputPath'], { input: raw, context: run.context }), context: run.context };
  const done = (output: Json): Step => ({
    output: selectPath(state['OutputPath'], { input: output, context: run.context }),
    next: state['End'] === true ? undefined : textAt(state, 'Next'),
  });
  const withResult = (result: Json): Step => {
    const selected =
      state['ResultSelector'] === undefined ? result : applyTemplate(state['ResultSelector'], { ...scope, input: result });
    return done(placeResult(state['ResultPath'], raw, selected));
  };
  const parameters = (): Json => (state['Parameters'] === undefined ? scope.input : applyTemplate(state['Parameters'], scope));
  switch (state['Type']) {
    case 'Task':
      return withResult(await runTask(name, state, parameters(), run));
    case 'Map':
      return withResult(await runMap(name, state, scope, run));
    case 'Parallel':
      return withResult(await runParallel(name, state, parameters(), run));
    case 'Pass':
      return done(placeResult(state['ResultPath'], raw, state['Result'] ?? parameters()));
    case 'Wait':
      await unlessAborted(run.world.clock.pause(waitMs(state, scope, run), run.signal), run.signal);
      return done(scope.input);
    case 'Choice': {
      const rule = rules(state, 'Choices').find((candidate) => choiceHolds(candidate, scope));
      if (rule === undefined && state['Default'] === undefined) {
        throw new StatesError(
          'States.NoChoiceMatched',
          `An error occurred while executing the state '${name}': No choices matched`,
        );
      }
      return { ...filtered(state, scope), next: rule === undefined ? textAt(state, 'Default') : textAt(rule, 'Next') };
    }
    case 'Succeed':
      return { ...filtered(state, scope), next: undefined };
    default: {
      const text = (field: string): string => {
        const path = state[`${field}Path`];
        const value = typeof path === 'string' ? evaluate(path, scope) : (state[field] ?? '');
        return typeof value === 'string' ? value : JSON.stringify(value);
      };
      throw new StatesError(text('Error'), text('Cause'));
    }
  }
}

function filtered(state: JsonObject, scope: Scope): { readonly output: Json } {
  return { output: selectPath(state['OutputPath'], scope) };
}

async function runTask(name: string, state: JsonObject, parameters: Json, run: Run): Promise<Json> {
  const resource = textAt(state, 'Resource');
  run.note('TaskScheduled', name);
  run.note('TaskStarted', name);
  const over = new AbortController();
  const signal = AbortSignal.any([run.signal, over.signal]);
  const seconds = numberAt(state, 'TimeoutSeconds', Infinity);
  const waits: Promise<Json>[] = [run.world.task({ resource, parameters }, signal)];
  if (seconds !== Infinity) {
    const limit = run.world.clock.limit(seconds * 1_000, signal).then((): Json => {
      throw new StatesError('States.Timeout', '');
    });
    limit.catch(() => undefined);
    waits.push(limit);
  }
  try {
    const result = await unlessAborted(Promise.race(waits), run.signal);
    run.note('TaskSucceeded', name);
    return result;
  } catch (error) {
    run.note('TaskFailed', name);
    throw error;
  } finally {
    over.abort();
  }
}

async function runMap(name: string, state: JsonObject, scope: Scope, run: Run): Promise<Json> {
  const itemsPath = state['ItemsPath'];
  const items = typeof itemsPath === 'string' ? requiredAt(itemsPath, scope) : scope.input;
  if (!isArray(items))
    throw new StatesError('States.Runtime', `Reference path ${JSON.stringify(itemsPath ?? '$')} must point to array.`);
  const selector = state['ItemSelector'] ?? state['Parameters'];
  const graph = objectAt(state, state['ItemProcessor'] === undefined ? 'Iterator' : 'ItemProcessor');
  const config = graph['ProcessorConfig'];
  if (isObject(config) && config['Mode'] !== 'INLINE') throw new Error('This interpreter knows inline maps only');
  run.note('MapStateStarted', name);
  const result = await together(items, numberAt(state, 'MaxConcurrency', 0), run, async (value, index, inner) => {
    const context = { ...inner.context, Map: { Item: { Index: index, Value: value } } };
    const input = selector === undefined ? value : applyTemplate(selector, { input: scope.input, context });
    run.note('MapIterationStarted', name);
    const output = await runGraph(graph, input, { ...inner, context });
    run.note('MapIterationSucceeded', name);
    return output;
  });
  run.note('MapStateSucceeded', name);
  return limited(result);
}

async function runParallel(name: string, state: JsonObject, input: Json, run: Run): Promise<Json> {
  run.note('ParallelStateStarted', name);
  const result = await together(rules(state, 'Branches'), 0, run, (branch, _index, inner) => runGraph(branch, input, inner));
  run.note('ParallelStateSucceeded', name);
  return limited(result);
}

/** At most `atOnce` at a time, 0 for all; the first failure stops the others. Results in the order of the items. */
async function together<T>(
  items: readonly T[],
  atOnce: number,
  run: Run,
  work: (item: T, index: number, run: Run) => Promise<Json>,
): Promise<readonly Json[]> {
  const failed = new AbortController();
  const inner: Run = { ...run, signal: AbortSignal.any([run.signal, failed.signal]) };
  const results = new Map<number, Json>();
  const errors: unknown[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length && !inner.signal.aborted) {
      const index = next++;
      const item = items[index];
      if (item === undefined) continue;
      try {
        results.set(index, await work(item, index, inner));
      } catch (error) {
        errors.push(error);
        failed.abort(new Aborted());
      }
    }
  };
  // Forty is what AWS runs of an inline map at a time.
  await Promise.all(Array.from({ length: Math.min(atOnce === 0 ? 40 : atOnce, 40, items.length) }, lane));
  run.signal.throwIfAborted();
  if (errors.length > 0) throw errors[0];
  return items.map((_, index) => results.get(index) ?? null);
}

function waitMs(state: JsonObject, scope: Scope, run: Run): number {
  const at = (field: string): Json | undefined => {
    const path = state[`${field}Path`];
    return typeof path === 'string' ? requiredAt(path, scope) : state[field];
  };
  const [seconds, timestamp] = [at('Seconds'), at('Timestamp')];
  if (typeof seconds === 'number') return seconds * 1_000;
  if (typeof timestamp !== 'string') throw new StatesError('States.Runtime', 'A Wait state needs seconds or a timestamp');
  return Math.max(Date.parse(timestamp) - run.world.clock.now().getTime(), 0);
}

/** A stopped execution does not wait for what it began. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  work.catch(() => undefined);
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new Aborted());
    signal.addEventListener('abort', onAbort, { once: true });
  });
  aborted.catch(() => undefined);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function limited(value: Json): Json {
  if (Buffer.byteLength(JSON.stringify(value)) > DATA_LIMIT_BYTES) {
    throw new StatesError(
      'States.DataLimitExceeded',
      `The state/task returned a result with a size exceeding the maximum number of bytes service limit.`,
    );
  }
  return value;
}

function checkFields(name: string, type: string, state: JsonObject): void {
  const known = FIELDS[type];
  if (known === undefined) throw new Error(`This interpreter does not know states of type ${type} (${name})`);
  for (const field of Object.keys(state)) {
    if (!known.includes(field)) throw new Error(`This interpreter does not know ${field} of ${type} states (${name})`);
  }
  if ((state['QueryLanguage'] ?? 'JSONPath') !== 'JSONPath') throw new Error(`This interpreter knows JSONPath only (${name})`);
}

function rules(state: JsonObject, field: string): readonly JsonObject[] {
  return listAt(state, field).map((rule) => {
    if (!isObject(rule)) throw new Error(`${field} has an entry that is no object`);
    return rule;
  });
}
