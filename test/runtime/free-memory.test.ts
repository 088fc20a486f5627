import { expect, test } from 'vitest';
import { freeMemory } from '../../functions/engine/runtime/free-memory.ts';

test('freed memory has no bytes, for all who look at it', () => {
  const bytes = Buffer.allocUnsafeSlow(100_000);
  const part = bytes.subarray(10, 20);

  freeMemory(bytes.buffer);

  expect(bytes.length).toBe(0);
  expect(part.length).toBe(0);
});

test('memory that was freed before is no error', () => {
  const { buffer } = Buffer.allocUnsafeSlow(100_000);

  freeMemory(buffer);

  expect(() => freeMemory(buffer)).not.toThrow();
});

test('memory that Node shares among small buffers stays', () => {
  const text = Buffer.from('text');
  expect(text.buffer.byteLength).toBe(Buffer.poolSize);

  freeMemory(text.buffer);

  expect(text.toString()).toBe('text');
});

test('memory that threads share stays', () => {
  const shared = new SharedArrayBuffer(100_000);

  freeMemory(shared);

  expect(shared.byteLength).toBe(100_000);
});

test('what is freed is not kept', () => {
  const before = process.memoryUsage().rss;

  for (let n = 0; n < 10_000; n++) {
    const bytes = Buffer.allocUnsafeSlow(100_000);
    bytes.fill(1);
    freeMemory(bytes.buffer);
  }

  // A billion bytes went through.
  expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000);
});
