import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { isProcessGone, processIdentity } from '../../functions/engine/runtime/process-identity.ts';

async function identityOfChild(): Promise<{ readonly identity: string; readonly end: () => Promise<void> }> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log("up")'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const own = JSON.parse(await processIdentity()) as unknown[];
  const { readFile } = await import('node:fs/promises');
  const stat = await readFile(`/proc/${String(child.pid)}/stat`, 'utf8');
  const start = stat
    .slice(stat.lastIndexOf(')') + 1)
    .trim()
    .split(/\s+/)[19];
  return {
    identity: JSON.stringify([own[0], own[1], own[2], child.pid, start]),
    end: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

test('a process is gone once it was killed, and not before', async () => {
  const child = await identityOfChild();

  const before = await isProcessGone(child.identity);
  await child.end();

  expect([before, await isProcessGone(child.identity)]).toEqual([false, true]);
});

test('this process is not gone, but another one with its id before it is', async () => {
  const own = JSON.parse(await processIdentity()) as unknown[];

  expect(await isProcessGone(JSON.stringify(own))).toBe(false);
  expect(await isProcessGone(JSON.stringify([...own.slice(0, 4), '1']))).toBe(true);
});

test.each([
  ['another host', 0, 'elsewhere'],
  ['another machine', 1, 'aa'],
  ['before a restart', 2, 'bb'],
])('of a process on %s nothing is concluded', async (_, part, value) => {
  const child = await identityOfChild();
  await child.end();
  const parts = JSON.parse(child.identity) as unknown[];
  parts[part] = value;

  expect(await isProcessGone(JSON.stringify(parts))).toBe(false);
});

test.each(['', 'w1', '[]', '{"pid":1}', '[1,2,3,4,5]'])('%j names no process', async (identity) => {
  expect(await isProcessGone(identity)).toBe(false);
});
