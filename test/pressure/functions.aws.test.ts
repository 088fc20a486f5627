import { expect, test } from 'vitest';
import { metricsIn } from '../aws/handlers/functions.ts';
import { ONE_EACH, workersOf, world } from '../aws/handlers/world.ts';
import { busySessions } from './busy.ts';

const linesOf = (every: string): readonly string[] => [`pressure: { maxActiveBackends: 1, checkEvery: ${every} }`, ...ONE_EACH];

test('of two functions the second waits until its time is over and reads nothing, the first does all the work', async () => {
  await using it = await world(linesOf('1 hour'));
  const { functions, db, ws } = it;
  await using _busy = await busySessions(db, 3);
  const planned = await functions.plan();
  const [w0, w1] = workersOf(planned);

  const waited = await functions.work(w1, 4_000);
  const first = await functions.work(w0);
  const second = await functions.work(w1);
  await functions.report({ kind: 'finish', job: w0.job });

  expect([waited.state, first.state, second.state]).toEqual(['more', 'done', 'done']);
  expect(await ws.reports()).toMatchObject([{ state: 'complete', tables: [{ rows: 20_000 }, { rows: 500 }] }]);
  const held = functions.lines.filter((line) => line.includes('"reads-held-back"'));
  expect(held.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { worker: 'w1', to: 1, of: 2, why: 'active-backends' },
    { worker: 'w0', to: 1, of: 2, why: 'active-backends' },
  ]);
  expect(metricsIn(functions.lines)).toMatchObject([{ JobsComplete: 1 }]);
});

test('a second function does all the work where the first one is not there', async () => {
  await using it = await world(linesOf('1 second'));
  const { functions, db, ws } = it;
  await using _busy = await busySessions(db, 3);
  const planned = await functions.plan();
  const [w0, w1] = workersOf(planned);

  const alone = await functions.work(w1);
  const first = await functions.work(w0);
  await functions.report({ kind: 'finish', job: w0.job });

  expect([alone.state, first.state]).toEqual(['done', 'done']);
  expect(await ws.reports()).toMatchObject([{ state: 'complete', tables: [{ rows: 20_000 }, { rows: 500 }] }]);
});
