import { describe, expect, it } from 'vitest';
import { ConnectionBudget } from '../../functions/engine/source/postgres/connection-budget.ts';
import { never, rejection } from './support.ts';

describe('a connection budget', () => {
  it('never lets more than its size in, and serves in order', async () => {
    const budget = new ConnectionBudget(2);
    const order: number[] = [];
    let held = 0;
    let most = 0;
    const worker = async (number: number): Promise<void> => {
      using _ = await budget.acquire(never());
      order.push(number);
      held += 1;
      most = Math.max(most, held);
      await new Promise((resolve) => setImmediate(resolve));
      held -= 1;
    };

    await Promise.all(Array.from({ length: 20 }, (_, number) => worker(number)));

    expect(most).toBe(2);
    expect(order).toEqual(Array.from({ length: 20 }, (_, number) => number));
  });

  it('forgets who gives up waiting', async () => {
    const budget = new ConnectionBudget(1);
    const held = await budget.acquire(never());
    const controller = new AbortController();
    const reason = new Error('enough');
    const impatient = rejection(budget.acquire(controller.signal));
    const patient = budget.acquire(never());

    controller.abort(reason);
    held[Symbol.dispose]();

    expect(await impatient).toBe(reason);
    (await patient)[Symbol.dispose]();
    (await budget.acquire(never()))[Symbol.dispose]();
  });

  it('counts a place once that is given back twice', async () => {
    const budget = new ConnectionBudget(1);
    const first = await budget.acquire(never());
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    const second = await budget.acquire(never());
    let isThirdIn = false;
    const third = budget.acquire(never()).then((permit) => {
      isThirdIn = true;
      return permit;
    });

    await new Promise((resolve) => setImmediate(resolve));
    const wasThirdIn = isThirdIn;
    second[Symbol.dispose]();

    expect(wasThirdIn).toBe(false);
    (await third)[Symbol.dispose]();
  });

  it('lets fewer in once enough are given back, and more at once', async () => {
    const budget = new ConnectionBudget(2);
    const held = [await budget.acquire(never()), await budget.acquire(never())];
    let isIn = false;
    const next = budget.acquire(never()).then((permit) => {
      isIn = true;
      return permit;
    });
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

    budget.resize(1);
    held[0]?.[Symbol.dispose]();
    await turn();
    expect(isIn).toBe(false);
    held[1]?.[Symbol.dispose]();
    await turn();
    expect(isIn).toBe(true);
    const another = budget.acquire(never());
    budget.resize(2);

    (await another)[Symbol.dispose]();
    (await next)[Symbol.dispose]();
    expect(budget.isFull).toBe(false);
    for (const size of [0, 0.5]) expect(() => budget.resize(size)).toThrow(RangeError);
  });

  it('refuses an aborted signal, and a size that is none', async () => {
    expect(await rejection(new ConnectionBudget(1).acquire(AbortSignal.abort(new Error('late'))))).toMatchObject({
      message: 'late',
    });
    for (const size of [0, -1, 1.5, Number.NaN]) expect(() => new ConnectionBudget(size)).toThrow(RangeError);
  });
});
