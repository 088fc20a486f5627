import { randomUUID } from 'node:crypto';
import { isObject, numberAt, objectAt, parseJson, textAt } from './json.ts';
import type { Json, JsonObject } from './json.ts';
import { Aborted, StatesError } from './states-error.ts';
import { runGraph } from './states-run.ts';
import type { Run } from './states-run.ts';
import { HISTORY_LIMIT } from './states-world.ts';
import type { StatesWorld } from './states-world.ts';

export interface StateMachine {
  readonly arn: string;
  readonly name: string;
  readonly roleArn: string;
  /** The definition as CloudFormation would send it. */
  readonly definition: string;
}

/** How an execution ended. */
export type ExecutionEnd =
  | { readonly status: 'SUCCEEDED'; readonly output: Json }
  | { readonly status: 'FAILED' | 'TIMED_OUT' | 'ABORTED'; readonly error: string | null; readonly cause: string | null };

/** One event of the history: those that AWS counts. */
export interface HistoryEvent {
  readonly type: string;
  readonly state: string | null;
}

export interface Execution {
  readonly arn: string;
  readonly name: string;
  readonly startedAt: Date;
  readonly input: Json;
  readonly history: readonly HistoryEvent[];
  readonly end: Promise<ExecutionEnd>;
  /** StopExecution: nothing new begins; what runs goes on unobserved. */
  stop(request?: { readonly error?: string; readonly cause?: string }): void;
}

/** Starts an execution of a Standard workflow (States Language with JSONPath, states-language.net/spec.html). Fields that this interpreter does not know are errors of the test, not of the execution. */
export function startExecution(
  machine: StateMachine,
  request: { readonly input: Json; readonly name?: string },
  world: StatesWorld,
): Execution {
  const definition = parseJson(machine.definition);
  if (!isObject(definition)) throw new Error('The definition is no object');
  checkDefinition(definition);
  const name = request.name ?? randomUUID();
  const arn = `${machine.arn.replace(':stateMachine:', ':execution:')}:${name}`;
  const startedAt = world.clock.now();
  const history: HistoryEvent[] = [{ type: 'ExecutionStarted', state: null }];
  const stopped = new AbortController();
  let stopRequest: { readonly error: string | null; readonly cause: string | null } | undefined;
  const run: Run = {
    world,
    signal: stopped.signal,
    context: {
      Execution: {
        Id: arn,
        Input: request.input,
        Name: name,
        RoleArn: machine.roleArn,
        StartTime: startedAt.toISOString(),
        RedriveCount: 0,
      },
      StateMachine: { Id: machine.arn, Name: machine.name },
    },
    note: (type, state) => {
      history.push({ type, state });
      if (history.length >= HISTORY_LIMIT) {
        throw new StatesError('States.Runtime', `The execution reached the maximum number of history events (${HISTORY_LIMIT}).`);
      }
    },
  };
  const end = (async (): Promise<ExecutionEnd> => {
    try {
      // The caller has its execution before anything happens.
      await Promise.resolve();
      const output = await withLimit(definition, run, stopped, () => runGraph(definition, request.input, run));
      history.push({ type: 'ExecutionSucceeded', state: null });
      return { status: 'SUCCEEDED', output };
    } catch (error) {
      if (error instanceof Aborted && stopRequest !== undefined) return { status: 'ABORTED', ...stopRequest };
      if (error instanceof ExecutionTimeout) return { status: 'TIMED_OUT', error: 'States.Timeout', cause: null };
      if (!(error instanceof StatesError)) throw error;
      return { status: 'FAILED', error: error.error, cause: error.stateCause };
    } finally {
      stopped.abort();
    }
  })();
  return {
    arn,
    name,
    startedAt,
    input: request.input,
    history,
    end,
    stop: ({ error, cause } = {}) => {
      stopRequest ??= { error: error ?? null, cause: cause ?? null };
      stopped.abort(new Aborted());
    },
  };
}

class ExecutionTimeout extends Error {}

async function withLimit(definition: JsonObject, run: Run, stopped: AbortController, work: () => Promise<Json>): Promise<Json> {
  const seconds = numberAt(definition, 'TimeoutSeconds', Infinity);
  if (seconds === Infinity) return work();
  const over = new AbortController();
  const limit = run.world.clock.limit(seconds * 1_000, over.signal).then(() => {
    throw new ExecutionTimeout();
  });
  try {
    return await Promise.race([work(), limit]);
  } catch (error) {
    if (error instanceof ExecutionTimeout) stopped.abort(new Aborted());
    throw error;
  } finally {
    over.abort();
    limit.catch(() => undefined);
  }
}

function checkDefinition(definition: JsonObject): void {
  const known = new Set(['Comment', 'StartAt', 'States', 'TimeoutSeconds', 'Version', 'QueryLanguage']);
  for (const name of Object.keys(definition))
    if (!known.has(name)) throw new Error(`This interpreter does not know ${name} of a definition`);
  if ((definition['QueryLanguage'] ?? 'JSONPath') !== 'JSONPath') throw new Error('This interpreter knows JSONPath only');
  textAt(definition, 'StartAt');
  objectAt(definition, 'States');
}
