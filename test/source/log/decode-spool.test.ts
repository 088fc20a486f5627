import { fstatSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { Spool, SpoolFull, SpoolSpace } from '../../../functions/engine/source/postgres/log/pgoutput-spool.ts';
import { lsn } from './decode-messages.ts';

interface Message {
  readonly text: string;
  readonly lsn: bigint;
}

function append(spool: Spool, { text, lsn: position }: Message): void {
  const bytes = Buffer.from(`..${text}..`);
  spool.append(bytes[2] ?? 0, bytes, 3, bytes.length - 2, lsn(position));
}

function read(spool: Spool): readonly Message[] {
  const reader = spool.read();
  const messages: Message[] = [];
  while (reader.next()) messages.push({ text: reader.bytes.toString('latin1', reader.start, reader.end), lsn: reader.lsn });
  return messages;
}

const message = (text: string, position = 1n): Message => ({ text, lsn: position });

describe('a spool', () => {
  it('gives back what was put into it, whatever lies in memory, on disk, or was forgotten', () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          do: fc.constant('append' as const),
          which: fc.nat(2),
          length: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constant(400_000)),
        }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('truncate' as const), which: fc.nat(2), to: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('flush' as const), which: fc.nat(2) }) },
    );

    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.constantFrom(0, 100, 500_000), (steps, spoolMemoryBytes) => {
        const space = new SpoolSpace({ spoolMemoryBytes, spoolBytes: 1e9 });
        const spools = [new Spool(space), new Spool(space), new Spool(space)];
        const expected: { readonly size: number; readonly message: Message }[][] = [[], [], []];
        for (const [index, one] of steps.entries()) {
          const spool = spools[one.which];
          const kept = expected[one.which];
          if (spool === undefined || kept === undefined) continue;
          if (one.do === 'append') {
            const next = message(String.fromCharCode(65 + (index % 26)).repeat(one.length), (1n << 63n) + BigInt(index));
            kept.push({ size: spool.size, message: next });
            append(spool, next);
          } else if (one.do === 'truncate' && kept.length > 0) {
            const [first] = kept.splice(one.to % kept.length);
            spool.truncate(first?.size ?? 0);
          } else if (one.do === 'flush' && spool.tailBytes > 0) spool.flush();
        }

        expect(spools.map(read)).toEqual(expected.map((kept) => kept.map((one) => one.message)));
        expect(space.memoryBytes).toBe(spools.reduce((sum, { tailBytes }) => sum + tailBytes, 0));
        expect(space.memoryBytes).toBeLessThanOrEqual(spoolMemoryBytes);
        expect(space.memoryBytes + space.diskBytes).toBe(spools.reduce((sum, { size }) => sum + size, 0));
        space.close();
        expect([space.memoryBytes, space.diskBytes]).toEqual([0, 0]);
      }),
      { numRuns: 150 },
    );
  });

  it('moves the largest to disk when memory runs out', () => {
    const space = new SpoolSpace({ spoolMemoryBytes: 1_000, spoolBytes: 1e6 });
    const [small, large] = [new Spool(space), new Spool(space)];
    append(small, message('s'.repeat(100)));
    append(large, message('l'.repeat(800)));
    append(small, message('t'.repeat(100)));

    expect([small.tailBytes > 0, large.tailBytes]).toEqual([true, 0]);
    expect([read(small).length, read(large).length]).toEqual([2, 1]);
    space.close();
  });

  it('has no file that anyone could find', () => {
    const space = new SpoolSpace({ spoolMemoryBytes: 0, spoolBytes: 1e6 });
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('backstitch-log-'));
    append(new Spool(space), message('secret'));

    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('backstitch-log-'))).toEqual(before);
    expect(space.diskBytes).toBeGreaterThan(0);
    space.close();
  });

  it('is full beyond its limit, and where there is no folder for its file', () => {
    const space = new SpoolSpace({ spoolMemoryBytes: 10, spoolBytes: 50 });
    const spool = new Spool(space);
    append(spool, message('x'.repeat(20)));

    expect(() => append(spool, message('x'.repeat(20)))).toThrow(SpoolFull);
    space.close();

    vi.stubEnv('TMPDIR', '/does/not/exist');
    try {
      const nowhere = new SpoolSpace({ spoolMemoryBytes: 0, spoolBytes: 1e6 });
      expect(() => append(new Spool(nowhere), message('x'))).toThrow(SpoolFull);
      nowhere.close();
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('closes its file', () => {
    const space = new SpoolSpace({ spoolMemoryBytes: 0, spoolBytes: 1e6 });
    const spool = new Spool(space);
    append(spool, message('x'));
    const open = (): readonly number[] => Array.from({ length: 256 }, (_, fd) => fd).filter(isOpen);
    const during = open();

    spool.close();
    spool.close();

    expect(open()).toHaveLength(during.length - 1);
  });
});

function isOpen(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false;
  }
}
