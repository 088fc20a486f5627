import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readPlanInput, readReportInput, readWorkInput } from '../../functions/aws/read-input.ts';
import { errorReport, ReplicationError } from '../../functions/engine/model/errors.ts';

const JOB = '20261122T130808.123Z-004711';
const TIME = '2026-11-22T13:08:08.000Z';
const EXECUTION = 'arn:aws:states:eu-central-1:123456789012:execution:backstitch-shop:1';

const READERS: readonly (readonly [
  name: string,
  read: (event: unknown) => unknown,
  valid: readonly Readonly<Record<string, unknown>>[],
])[] = [
  [
    'plan',
    readPlanInput,
    [
      { execution: EXECUTION, startedAt: TIME },
      { execution: EXECUTION, startedAt: TIME, trigger: 'schedule' },
    ],
  ],
  ['work', readWorkInput, [{ job: JOB, worker: 'w0', endBy: TIME }]],
  [
    'report',
    readReportInput,
    [
      { kind: 'finish', job: JOB },
      { kind: 'events', job: JOB, from: 10 },
      { kind: 'abandoned', execution: EXECUTION },
    ],
  ],
];

/** Stands in what is sent, and in nothing that is said. */
const MARK = 'sent-by-a-stranger';

const HOSTILE: readonly unknown[] = [
  null,
  true,
  -1,
  1.5,
  NaN,
  1e300,
  '',
  ' ',
  '.',
  '..',
  `../${MARK}`,
  `/etc/${MARK}`,
  `a/../../${MARK}`,
  `a%2f${MARK}`,
  `${JOB}/../${MARK}`,
  `${JOB}#${MARK}`,
  `${JOB}\n`,
  `${JOB}\0${MARK}`,
  `a..${MARK}`,
  `${MARK}'; drop table jobs; --`,
  `\u202e${MARK}`,
  `${MARK}${'x'.repeat(1_000_000)}`,
  [],
  [JOB],
  {},
  { S: JOB },
  { toString: MARK },
];

function codeOf(read: () => unknown): { readonly code: string; readonly said: string } | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    // Anything else is a crash.
    if (!(error instanceof ReplicationError)) throw error;
    return { code: error.code, said: JSON.stringify(errorReport(error)) };
  }
}

describe.each(READERS)('the event of %s', (_, read, valid) => {
  test.each(valid)('is taken as the state machine makes it: %j', (event) => {
    expect(read({ ...event, more: 'ignored' })).toEqual(event);
  });

  test.each(valid)('is refused with any field missing or forged, and what was sent is not repeated: %j', (event) => {
    for (const field of Object.keys(event)) {
      // Without one, a start is by hand.
      if (field !== 'trigger') {
        const { [field]: __, ...rest } = event;
        expect(codeOf(() => read(rest))?.code, `without ${field}`).toBe('event-invalid');
      }
      for (const value of HOSTILE) {
        const refusal = codeOf(() => read({ ...event, [field]: value }));
        expect(refusal?.code, `${field}: ${JSON.stringify(value).slice(0, 60)}`).toBe('event-invalid');
        expect(refusal?.said).toContain(`\\"${field}\\"`);
        expect(refusal?.said).not.toContain(MARK);
      }
    }
  });

  test('is refused if it is no object', () => {
    for (const event of [undefined, null, 'text', 7, [], [valid[0]], true])
      expect(codeOf(() => read(event))?.code).toBe('event-invalid');
  });

  test('of any other form is refused, or is of the form that it must have', () => {
    const anyEvent = fc.dictionary(
      fc.constantFrom('job', 'worker', 'endBy', 'kind', 'from', 'execution', 'startedAt', 'trigger', '__proto__', 'constructor'),
      fc.oneof(
        fc.constantFrom(JOB, TIME, EXECUTION, 'w0', 'finish', 'events', 'abandoned', 'manual', 0),
        fc.jsonValue({ maxDepth: 1 }),
        fc.string({ unit: 'binary', maxLength: 40 }),
      ),
    );
    fc.assert(
      fc.property(anyEvent, (event) => {
        let taken: unknown;
        const refusal = codeOf(() => (taken = read(event)));
        if (refusal !== undefined) expect(refusal.code).toBe('event-invalid');
        else for (const value of Object.values(taken as object)) expect(String(value)).not.toMatch(/[/\\]|\.\.|\0/);
      }),
      { numRuns: 3_000 },
    );
  });
});
