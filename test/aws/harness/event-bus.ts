import { randomUUID } from 'node:crypto';
import { matchesPattern, targetInput } from './event-pattern.ts';
import { isObject, listAt, objectAt, textAt } from './json.ts';
import type { Json, JsonObject } from './json.ts';
import type { LambdaFunction } from './lambda-function.ts';
import type { Resource, Template } from './template.ts';

/** Tries of an asynchronous invocation after the first one, unless the template says otherwise. */
const RETRIES = 2;

/** The default bus of EventBridge with the rules of a template. */
export class EventBus {
  /** Everything that was sent, in EventBridge's own form. */
  readonly events: JsonObject[] = [];
  /** What no function took, however often it was tried. */
  readonly deadLetters: Json[] = [];
  readonly #template: Template;
  readonly #functions: readonly LambdaFunction[];
  readonly #deliveries = new Set<Promise<void>>();

  constructor(template: Template, functions: readonly LambdaFunction[]) {
    this.#template = template;
    this.#functions = functions;
  }

  /** Takes an event and begins to deliver it to the targets of every rule that it matches. */
  put(event: { readonly source: string; readonly detailType: string; readonly detail: Json; readonly at: Date }): string {
    const { account, region } = this.#template.identity;
    const id = randomUUID();
    const whole = {
      version: '0',
      id,
      'detail-type': event.detailType,
      source: event.source,
      account,
      time: event.at.toISOString(),
      region,
      resources: [],
      detail: event.detail,
    };
    this.events.push(whole);
    for (const rule of this.#template.all('AWS::Events::Rule')) {
      const { properties } = rule;
      if (properties['State'] === 'DISABLED' || !isObject(properties['EventPattern'])) continue;
      if (!matchesPattern(properties['EventPattern'], whole)) continue;
      for (const target of listAt(properties, 'Targets')) if (isObject(target)) this.#begin(rule, target, whole);
    }
    return id;
  }

  /** Resolves when everything was delivered. */
  async whenDelivered(): Promise<void> {
    while (this.#deliveries.size > 0) await Promise.all(this.#deliveries);
  }

  #begin(rule: Resource, target: JsonObject, event: JsonObject): void {
    const delivery = this.#deliver(rule, target, event).finally(() => this.#deliveries.delete(delivery));
    this.#deliveries.add(delivery);
  }

  async #deliver(rule: Resource, target: JsonObject, event: JsonObject): Promise<void> {
    const arn = textAt(target, 'Arn');
    const called = this.#functions.find(({ options }) => options.arn === arn);
    // Topics and queues: nothing in here reads them.
    if (called === undefined) return;
    if (!this.#mayInvoke(rule, arn)) throw new Error(`${rule.id} has no permission to invoke ${arn}`);
    const input = targetInput(target, event);
    for (let tries = 0; tries <= this.#retries(called); tries++) {
      if ((await called.invoke(input)).kind === 'ok') return;
    }
    this.deadLetters.push(input);
  }

  #mayInvoke(rule: Resource, arn: string): boolean {
    return this.#template.all('AWS::Lambda::Permission').some(({ properties }) => {
      const { Action: action, FunctionName: name, Principal: principal, SourceArn: source } = properties;
      const isFor = name === arn || (typeof name === 'string' && arn.endsWith(`:${name}`));
      return (
        isFor &&
        action === 'lambda:InvokeFunction' &&
        principal === 'events.amazonaws.com' &&
        source === this.#template.arn(rule.id)
      );
    });
  }

  #retries(called: LambdaFunction): number {
    const config = this.#template
      .all('AWS::Lambda::EventInvokeConfig')
      .find(({ properties }) => properties['FunctionName'] === called.options.name);
    const given = config?.properties['MaximumRetryAttempts'];
    return typeof given === 'number' ? given : RETRIES;
  }
}

/** The entries of a `PutEvents` request. Throws for more than ten, which EventBridge refuses. */
export function putEventsEntries(
  parameters: Json,
): readonly { readonly source: string; readonly detailType: string; readonly detail: Json; readonly bus: string }[] {
  if (!isObject(parameters)) throw new Error('PutEvents takes an object');
  const entries = listAt(parameters, 'Entries');
  if (entries.length === 0 || entries.length > 10) throw new Error(`PutEvents takes 1 to 10 entries, not ${entries.length}`);
  return entries.map((entry) => {
    if (!isObject(entry)) throw new Error('An entry is no object');
    const bus = entry['EventBusName'] === undefined ? 'default' : textAt(entry, 'EventBusName');
    const detail = typeof entry['Detail'] === 'string' ? (JSON.parse(entry['Detail']) as Json) : objectAt(entry, 'Detail');
    return { source: textAt(entry, 'Source'), detailType: textAt(entry, 'DetailType'), detail, bus };
  });
}
