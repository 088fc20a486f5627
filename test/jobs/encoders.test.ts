import { expect, test } from 'vitest';
import type { JobSettings, JobStream } from '../../functions/engine/jobs/job.ts';
import { encoderOf } from '../../functions/engine/jobs/system-columns.ts';

const SETTINGS = { jsonColumns: 'string', profile: 'default' } as unknown as JobSettings;
const streamOf = (id: string): JobStream =>
  ({ id, columns: [{ name: 'id', type: { kind: 'text', name: 'text' } }], primaryKey: ['id'] }) as unknown as JobStream;

test('a table that is read again and again is compiled once, also among others', () => {
  const [busy, other] = [streamOf('busy'), streamOf('other')];
  const first = encoderOf(SETTINGS, busy);
  for (let n = 0; n < 1_000; n += 1) {
    encoderOf(SETTINGS, n % 2 === 0 ? other : streamOf(String(n)));
    expect(encoderOf(SETTINGS, busy)).toBe(first);
  }
});

test('encoders of tables that are done do not stay until the end of the job', () => {
  const done = streamOf('done');
  const first = encoderOf(SETTINGS, done);
  for (let n = 0; n < 128; n += 1) encoderOf(SETTINGS, streamOf(String(n)));
  expect(encoderOf(SETTINGS, done)).not.toBe(first);
});
