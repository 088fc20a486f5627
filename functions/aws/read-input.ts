import type { PlanInput, ReportInput, WorkInput } from '../contract.ts';
import { ReplicationError } from '../engine/model/errors.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Ids become parts of keys: nothing in them may be read as a path. */
const ID = /^(?=.{1,128}$)[A-Za-z0-9](?:\.?[A-Za-z0-9_-])*$/;
/** ISO 8601, as the state machine's context and our own answers have it. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;
/** Not longer than any is. It is compared with records, and kept in them. */
const ARN = /^arn:[!-~]{1,508}$/;

/*
 * What invokes a function may be anybody whom the account lets. Whatever they send is looked at before anything is opened: a request that no state machine of ours makes is
 * refused with `event-invalid`, which names the field and never its value. Fields that nobody asks for are ignored.
 */

/** The event of `plan`. Throws `event-invalid`. */
export function readPlanInput(event: unknown): PlanInput {
  const fields = fieldsOf(event);
  const { trigger } = fields;
  if (trigger !== undefined && trigger !== 'manual' && trigger !== 'schedule') throw invalid('trigger');
  return {
    execution: textOf(fields, 'execution', ARN),
    startedAt: timeOf(fields, 'startedAt'),
    ...(trigger === undefined ? {} : { trigger }),
  };
}

/** The event of `work`. Throws `event-invalid`. */
export function readWorkInput(event: unknown): WorkInput {
  const fields = fieldsOf(event);
  return { job: textOf(fields, 'job', ID), worker: textOf(fields, 'worker', ID), endBy: timeOf(fields, 'endBy') };
}

/** The event of `report`. Throws `event-invalid`. */
export function readReportInput(event: unknown): ReportInput {
  const fields = fieldsOf(event);
  const { kind } = fields;
  switch (kind) {
    case 'finish':
      return { kind, job: textOf(fields, 'job', ID) };
    case 'events': {
      const { from } = fields;
      if (typeof from !== 'number' || !Number.isSafeInteger(from) || from < 0) throw invalid('from');
      return { kind, job: textOf(fields, 'job', ID), from };
    }
    case 'abandoned':
      return { kind, execution: textOf(fields, 'execution', ARN) };
    default:
      throw invalid('kind');
  }
}

function fieldsOf(event: unknown): Fields {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) throw invalid('event');
  return event as Fields;
}

function textOf(fields: Fields, name: string, form: RegExp): string {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (typeof value !== 'string' || !form.test(value)) throw invalid(name);
  return value;
}

function timeOf(fields: Fields, name: string): string {
  const value = textOf(fields, name, TIME);
  if (Number.isNaN(Date.parse(value))) throw invalid(name);
  return value;
}

function invalid(field: string): ReplicationError {
  return new ReplicationError('event-invalid', { field });
}
