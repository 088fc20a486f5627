import { describe, expect, test } from 'vitest';
import { giveBlockMemory, takeBlockMemory } from '../../functions/engine/encode/block-memory.ts';

describe('memory of blocks', () => {
  test('is used again once it was given back, and never by two at a time', () => {
    const first = takeBlockMemory(1000);
    const second = takeBlockMemory(1000);
    giveBlockMemory(first.subarray(0, 10));

    const third = takeBlockMemory(1_000_000);

    expect(third.buffer).toBe(first.buffer);
    expect(third.buffer).not.toBe(second.buffer);
  });

  test('given back twice is an error, since two blocks would share it', () => {
    const memory = takeBlockMemory(1000);
    giveBlockMemory(memory);

    expect(() => giveBlockMemory(memory)).toThrow(TypeError);

    takeBlockMemory(1000);
  });

  test('of another size is as large as it has to be, and left to the garbage collector', () => {
    const large = takeBlockMemory(5_000_000);
    const small = Buffer.allocUnsafeSlow(100);
    giveBlockMemory(large);
    giveBlockMemory(small);

    const next = takeBlockMemory(5_000_000);

    expect(next.length).toBe(5_000_000);
    expect(next.buffer).not.toBe(large.buffer);
    expect(takeBlockMemory(100).buffer).not.toBe(small.buffer);
  });
});
