import { existsSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { spoolRoom } from '../../../functions/engine/source/postgres/log/spool-room.ts';

const MIB = 1024 * 1024;

describe('the room for streamed transactions', () => {
  test('is half of what is free in the temporary folder, within its bounds', () => {
    const { bavail, bsize } = statfsSync(tmpdir());

    const room = spoolRoom();

    expect(room).toBeGreaterThanOrEqual(256 * MIB);
    expect(room).toBeLessThanOrEqual(2048 * MIB);
    if (bavail * bsize > 8192 * MIB) expect(room).toBe(2048 * MIB);
  });

  test.runIf(existsSync('/dev/shm'))('is small in a folder that lies in memory', () => {
    expect(spoolRoom('/dev/shm')).toBe(256 * MIB);
  });

  test('is small where nothing can be known', () => {
    expect(spoolRoom(join(tmpdir(), 'no', 'such', 'folder'))).toBe(256 * MIB);
  });
});
