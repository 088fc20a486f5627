import { expect, test } from 'vitest';
import { inBackground } from '../../functions/engine/runtime/background.ts';

test('work goes on beside other work and gives its result', async () => {
  await using work = inBackground(new AbortController().signal, () => Promise.resolve(42));

  expect(await work.result).toBe(42);
});

test('who disposes of it waits until it has ended, and a rejection that nobody awaits harms nobody', async () => {
  const seen: string[] = [];
  {
    await using _work = inBackground(
      new AbortController().signal,
      (signal) =>
        new Promise<never>((_resolve, reject) =>
          signal.addEventListener('abort', () => {
            seen.push('aborted');
            setImmediate(() => {
              seen.push('ended');
              reject(signal.reason as Error);
            });
          }),
        ),
    );
  }

  expect(seen).toEqual(['aborted', 'ended']);
});

test('it is aborted with what it belongs to', async () => {
  const outer = new AbortController();
  await using work = inBackground(
    outer.signal,
    (signal) => new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
  );
  outer.abort(new Error('enough'));

  await expect(work.result).rejects.toThrow('enough');
});
