import { describe, expect, test } from 'vitest';
import { giveBlockMemory, takeBlockMemory } from '../../functions/engine/encode/block-memory.ts';

describe('memory of blocks', () => {
  test('is used again once it was given back, and never by two at a time', () => {
    for (const bytes of [300_000, 1_000_000]) {
      const first = takeBlockMemory(bytes);
      const second = takeBlockMemory(bytes);
      giveBlockMemory(first.subarray(0, 10));

      const third = takeBlockMemory(bytes - 1000);

      expect(third.buffer).toBe(first.buffer);
      expect(third.buffer).not.toBe(second.buffer);
    }
  });

  test('given back twice is an error, since two blocks would share it', () => {
    const memory = takeBlockMemory(300_000);
    giveBlockMemory(memory);

    expect(() => giveBlockMemory(memory)).toThrow(TypeError);

    takeBlockMemory(300_000);
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
