import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { handlers } from '../../../functions/contract.ts';
import { readAssembly } from './assembly.ts';
import { startEmulators } from './emulators.ts';
import type { Emulators } from './emulators.ts';
import { EventBus, putEventsEntries } from './event-bus.ts';
import type { Principal } from './gate.ts';
import { COMMON_CONTEXT } from './access.ts';
import { decide, roleStatements } from './iam.ts';
import { isObject, numberAt, objectAt, parseJson, textAt } from './json.ts';
import type { Json, JsonObject } from './json.ts';
import { LambdaFunction } from './lambda-function.ts';
import { lambdaNode } from './lambda-node.ts';
import { StatesError } from './states-error.ts';
import { startExecution } from './states.ts';
import type { Execution } from './states.ts';
import type { TaskRequest } from './states-world.ts';
import type { Resource, Template } from './template.ts';

type FunctionName = keyof typeof handlers;

export interface AccountOptions {
  /** A cloud assembly of one stack with one integration. */
  readonly directory: string;
  /** In place of the template's, so that an invocation ends after seconds. */
  readonly timeoutSeconds?: Partial<Readonly<Record<FunctionName, number>>>;
  /** Values of secrets by name. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** How much faster retries come than in AWS. */
const HASTE = 50;

/** An AWS account after `cdk deploy`, on this machine: functions in sandboxes, state machine, schedules, rules, roles, bucket and table, all as the template has them. */
export class Account implements AsyncDisposable {
  readonly template: Template;
  readonly emulators: Emulators;
  readonly functions: Readonly<Record<FunctionName, LambdaFunction>>;
  readonly bus: EventBus;
  readonly executions: Execution[] = [];
  readonly #machine: Resource;
  readonly #machineRole: readonly JsonObject[];

  static async open({ directory, timeoutSeconds = {}, secrets = {} }: AccountOptions): Promise<Account> {
    const { template, codeFolder } = readAssembly(directory);
    const node = await lambdaNode();
    const resources = template
      .all('AWS::Lambda::Function')
      .filter(({ properties }) => /^index\./.test(textAt(properties, 'Handler')));
    const principals = resources.map((resource) => principalOf(template, resource));
    const emulators = await startEmulators(template, { principals, secrets });
    const made = resources.map(({ id, properties }, index) => {
      const name = textAt(properties, 'Handler').replace('index.', '') as FunctionName;
      const reserved = properties['ReservedConcurrentExecutions'];
      const lambda = new LambdaFunction({
        node,
        taskRoot: codeFolder(objectAt(properties, 'Code')),
        handler: textAt(properties, 'Handler'),
        name: template.name(id),
        arn: template.arn(id),
        region: template.identity.region,
        memoryMb: numberAt(properties, 'MemorySize', 128),
        timeoutSeconds: timeoutSeconds[name] ?? numberAt(properties, 'Timeout', 3),
        variables: objectAt(objectAt(properties, 'Environment'), 'Variables') as Readonly<Record<string, string>>,
        platform: {
          ...emulators.endpoints,
          AWS_ACCESS_KEY_ID: principals[index]?.accessKeyId ?? '',
          AWS_SECRET_ACCESS_KEY: 'not-a-real-secret',
          AWS_SESSION_TOKEN: 'not-a-real-token',
        },
        ...(typeof reserved === 'number' ? { reservedConcurrency: reserved } : {}),
      });
      return [name, lambda] as const;
    });
    return new Account(template, emulators, Object.fromEntries(made) as Record<FunctionName, LambdaFunction>);
  }

  constructor(template: Template, emulators: Emulators, functions: Readonly<Record<FunctionName, LambdaFunction>>) {
    this.template = template;
    this.emulators = emulators;
    this.functions = functions;
    this.bus = new EventBus(template, Object.values(functions));
    this.#machine = template.only('AWS::StepFunctions::StateMachine');
    this.#machineRole = this.#statements(textAt(this.#machine.properties, 'RoleArn'));
  }

  /** StartExecution, as the console and `run` call it. */
  start(input: Json = {}): Execution {
    const { id, properties } = this.#machine;
    const arn = this.template.arn(id);
    const execution = startExecution(
      {
        arn,
        name: this.template.name(id),
        roleArn: textAt(properties, 'RoleArn'),
        definition: textAt(properties, 'DefinitionString'),
      },
      { input },
      {
        task: (request) => this.#task(request),
        random: Math.random,
        clock: {
          now: () => new Date(),
          pause: (ms, signal) => delay(ms / HASTE, undefined, { signal }),
          limit: (ms, signal) => delay(Math.min(ms, 2 ** 31 - 1), undefined, { signal, ref: false }),
        },
      },
    );
    this.executions.push(execution);
    this.#announce(execution, 'RUNNING');
    void execution.end.then(({ status }) => this.#announce(execution, status));
    return execution;
  }

  /** The schedule that starts jobs fires once. Throws if it is disabled, or its role may not. */
  fireSchedule(): Execution {
    const arn = this.template.arn(this.#machine.id);
    return this.start(this.#scheduled(arn, 'states:StartExecution'));
  }

  /** The schedule of the watchdog fires once. */
  async fireWatch(): Promise<void> {
    const { watch } = this.functions;
    const result = await watch.invoke(this.#scheduled(watch.options.arn, 'lambda:InvokeFunction'));
    if (result.kind !== 'ok') throw new Error(JSON.stringify(result));
  }

  /** Waits for all executions, what their ends set off, and functions that nobody waits for. */
  async whenQuiet(): Promise<void> {
    await Promise.all(this.executions.map(({ end }) => end));
    await this.bus.whenDelivered();
    const deadline = Date.now() + 60_000;
    while (Object.values(this.functions).some(({ inFlight }) => inFlight > 0)) {
      if (Date.now() > deadline) throw new Error('Functions still run');
      await delay(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const execution of this.executions) execution.stop();
    await Promise.allSettled(this.executions.map(({ end }) => end));
    await Promise.all(Object.values(this.functions).map((made) => made[Symbol.asyncDispose]()));
    await this.bus.whenDelivered();
    await this.emulators[Symbol.asyncDispose]();
  }

  async #task({ resource, parameters }: TaskRequest): Promise<Json> {
    if (resource === 'arn:aws:states:::events:putEvents') return this.#putEvents(parameters);
    if (resource === 'arn:aws:states:::lambda:invoke') {
      if (!isObject(parameters)) throw new Error('lambda:invoke takes an object');
      const payload = await this.#invoke(textAt(parameters, 'FunctionName'), parameters['Payload'] ?? {});
      return { ExecutedVersion: '$LATEST', Payload: payload, StatusCode: 200, SdkHttpMetadata: { HttpStatusCode: 200 } };
    }
    if (resource.startsWith('arn:aws:lambda:')) return this.#invoke(resource, parameters);
    throw new Error(`This harness does not know the task ${resource}`);
  }

  async #invoke(nameOrArn: string, payload: Json): Promise<Json> {
    const called = Object.values(this.functions).find(({ options }) => options.arn === nameOrArn || options.name === nameOrArn);
    if (called === undefined) throw new StatesError('Lambda.ResourceNotFoundException', nameOrArn);
    this.#require('lambda:InvokeFunction', called.options.arn);
    const result = await called.invoke(payload);
    switch (result.kind) {
      case 'ok':
        return result.payload;
      case 'failed':
        throw new StatesError(result.error.errorType, JSON.stringify(result.error));
      case 'refused':
        throw new StatesError(result.code, result.message);
    }
  }

  #putEvents(parameters: Json): Json {
    const { region, account } = this.template.identity;
    const ids = putEventsEntries(parameters).map(({ bus, ...entry }) => {
      this.#require('events:PutEvents', `arn:aws:events:${region}:${account}:event-bus/${bus}`);
      return { EventId: this.bus.put({ ...entry, at: new Date() }) };
    });
    return { Entries: ids, FailedEntryCount: 0 };
  }

  /** What the state machine's role does not allow fails as in AWS: not to be tried again. */
  #require(action: string, resource: string): void {
    if (decide(this.#machineRole, { action, resource, context: COMMON_CONTEXT }) === 'allowed') return;
    throw new StatesError(
      'AccessDeniedException',
      `${textAt(this.#machine.properties, 'RoleArn')} may not ${action} ${resource}`,
    );
  }

  #statements(roleArn: string): readonly JsonObject[] {
    return statementsOfRole(this.template, roleArn);
  }

  #scheduled(arn: string, action: string): Json {
    const targets = this.template.all('AWS::Scheduler::Schedule').flatMap(({ properties }) => {
      const target = objectAt(properties, 'Target');
      return target['Arn'] === arn && properties['State'] !== 'DISABLED' ? [target] : [];
    });
    const [target] = targets;
    if (target === undefined) throw new Error(`No schedule calls ${arn}`);
    const role = this.#statements(textAt(target, 'RoleArn'));
    if (decide(role, { action, resource: arn, context: COMMON_CONTEXT }) !== 'allowed')
      throw new Error(`The schedule may not ${action} ${arn}`);
    return target['Input'] === undefined ? {} : parseJson(textAt(target, 'Input'));
  }

  #announce(execution: Execution, status: string): void {
    this.bus.put({
      source: 'aws.states',
      detailType: 'Step Functions Execution Status Change',
      at: new Date(),
      detail: {
        executionArn: execution.arn,
        stateMachineArn: this.template.arn(this.#machine.id),
        name: execution.name,
        status,
        startDate: execution.startedAt.getTime(),
        stopDate: status === 'RUNNING' ? null : Date.now(),
        input: JSON.stringify(execution.input),
      },
    });
  }
}

function principalOf(template: Template, { id, properties }: Resource): Principal {
  const roleArn = textAt(properties, 'Role');
  return {
    name: template.name(id),
    // 20 letters and digits as AWS makes them; each function is known by its own.
    accessKeyId: `ASIA${createHash('sha256').update(id).digest('hex').slice(0, 16).toUpperCase()}`,
    statements: statementsOfRole(template, roleArn),
  };
}

function statementsOfRole(template: Template, roleArn: string): readonly JsonObject[] {
  const role = template.all('AWS::IAM::Role').find(({ id }) => template.arn(id) === roleArn);
  if (role === undefined) throw new Error(`The template has no role ${roleArn}`);
  return roleStatements({ ...role, name: template.name(role.id) }, template.all('AWS::IAM::Policy'));
}
