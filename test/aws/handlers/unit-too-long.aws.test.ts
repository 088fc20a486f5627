import { describe, expect, test, vi } from 'vitest';
import { openDeadline } from '../../../functions/aws/deadline.ts';
import type { Deadline } from '../../../functions/aws/deadline.ts';
import { OutOfTime } from '../../../functions/engine/jobs/job.ts';
import { loadAll, metricsIn } from './functions.ts';
import { holdUploads, workersOf, world } from './world.ts';

vi.mock(import('../../../functions/aws/deadline.ts'), async (original) => {
  const actual = await original();
  return { ...actual, openDeadline: vi.fn(actual.openDeadline) };
});

/** A deadline that comes as soon as the function's limit says, and says that there were fourteen minutes. */
const ofFourteenMinutes: typeof openDeadline = (...args): Deadline => {
  const actual = openDeadline(...args);
  const stop = new AbortController();
  actual.stop.addEventListener('abort', () => stop.abort(new OutOfTime(14)), { once: true });
  return { ...actual, stop: stop.signal };
};

describe('a unit that cannot be finished in the whole time of a function', () => {
  test('fails its stream, and the others go on', async () => {
    await using it = await world();
    const { cloud, functions, ws, db } = it;
    const planned = await functions.plan();
    const [w0] = workersOf(planned);
    const held = holdUploads(cloud);

    vi.mocked(openDeadline).mockImplementationOnce(ofFourteenMinutes);
    const working = functions.work(w0, 6_000);
    await held.reached;
    const first = await working;
    held.release();
    const second = await functions.work(w0);
    const reported = await functions.report({ kind: 'finish', job: planned.job });

    expect([first.state, second.state]).toEqual(['more', 'done']);
    expect(reported).toMatchObject({ state: 'partial' });
    expect(await ws.reports()).toMatchObject([
      {
        error: null,
        tables: [
          {
            table: 'first',
            rows: 0,
            state: 'failed',
            error: { code: 'unit-too-long', message: expect.stringContaining('14 minutes') },
          },
          { table: 'second', rows: 500, state: 'complete', error: null },
        ],
      },
    ]);
    expect(metricsIn(functions.lines)).toMatchObject([{ JobsFailed: 1, StreamsFailed: 1, Rows: 500 }]);
    // The next job tries it again: what kept it may be gone.
    expect((await functions.execute()).reported?.state).toBe('complete');
    expect((await loadAll(cloud, ws)).rows.get(`${db.database}.public.first`)?.length).toBe(20_000);
  });

  test('is begun again by the next one, where the function had less than its whole time for it', async () => {
    await using it = await world();
    const { cloud, functions, ws } = it;
    const planned = await functions.plan();
    const [w0] = workersOf(planned);
    const held = holdUploads(cloud);

    const working = functions.work(w0, 6_000);
    await held.reached;
    const first = await working;
    held.release();
    const second = await functions.work(w0);
    const reported = await functions.report({ kind: 'finish', job: planned.job });

    expect([first.state, second.state, reported?.state]).toEqual(['more', 'done', 'complete']);
    expect(await ws.reports()).toMatchObject([{ tables: [{ rows: 20_000, error: null }, { rows: 500 }] }]);
  });
});
