import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { OutputClosed, processConsole } from '../../functions/cli/console.ts';
import { exitCodeOfError, worst } from '../../functions/cli/exit-codes.ts';

function terminal(columns?: number): PassThrough & { isTTY: boolean; columns?: number } {
  return Object.assign(new PassThrough(), { isTTY: true, ...(columns === undefined ? {} : { columns }) });
}

describe('the console', () => {
  it('uses colours on a terminal only, and where nobody asked for none', () => {
    const styleOf = (stdout: PassThrough, env: Readonly<Record<string, string>>): string =>
      processConsole({ stdin: terminal(), stdout, stderr: new PassThrough(), env }).out.style.bad('x');

    expect(styleOf(terminal(), {})).toBe('\u001b[31mx\u001b[39m');
    expect(styleOf(terminal(), { NO_COLOR: '' })).toBe('\u001b[31mx\u001b[39m');
    expect(styleOf(terminal(), { NO_COLOR: '1' })).toBe('x');
    expect(styleOf(terminal(), { TERM: 'dumb' })).toBe('x');
    expect(styleOf(new PassThrough(), {})).toBe('x');
  });

  it('knows its width, or takes 80', () => {
    const { out, err } = processConsole({ stdin: terminal(), stdout: terminal(132), stderr: new PassThrough(), env: {} });

    expect([out.columns, err.columns]).toEqual([132, 80]);
  });

  it('waits until what it wrote was taken', async () => {
    const taken: string[] = [];
    const slow = new Writable({
      write: (chunk, _, callback) =>
        setImmediate(() => {
          taken.push(String(chunk));
          callback();
        }),
    });
    const { out } = processConsole({ stdin: terminal(), stdout: slow, stderr: new PassThrough(), env: {} });
    await out.write('one');

    expect(taken).toEqual(['one']);
  });

  it('tells a reader that went away from other failures', async () => {
    const failing = (code: string): Writable =>
      new Writable({ write: (_chunk, _encoding, callback) => callback(Object.assign(new Error(code), { code })) });
    const write = (stdout: Writable): Promise<void> =>
      processConsole({ stdin: terminal(), stdout, stderr: new PassThrough(), env: {} }).out.write('x');

    await expect(write(failing('EPIPE'))).rejects.toBeInstanceOf(OutputClosed);
    await expect(write(failing('ENOSPC'))).rejects.toThrow('ENOSPC');
  });

  it('asks on a terminal, and nobody otherwise', async () => {
    const stdin = terminal();
    const stderr = terminal();
    const asked = processConsole({ stdin, stdout: terminal(), stderr, env: {} }).ask('Sure? ', new AbortController().signal);
    stdin.write('yes\n');

    expect(await asked).toBe('yes');
    expect(String(stderr.read())).toBe('Sure? ');
    const piped = processConsole({ stdin: new PassThrough(), stdout: terminal(), stderr: terminal(), env: {} });
    expect(await piped.ask('Sure? ', new AbortController().signal)).toBeUndefined();
  });
});

describe('exit codes', () => {
  it.each([
    [[], 0],
    [[0, 3, 0], 3],
    [[3, 1, 0], 1],
    [[1, 2], 2],
    [[2, 143, 130], 130],
  ] as const)('of %j together is %i', (codes, expected) => {
    expect(worst(codes)).toBe(expected);
  });

  it.each([
    ['config-invalid', 2],
    ['integration-unknown', 2],
    ['job-unknown', 2],
    ['usage', 2],
    ['connection-lost', 1],
    ['job-running', 1],
    ['unexpected', 1],
  ] as const)('of the error %s is %i', (error, expected) => {
    expect(exitCodeOfError(error)).toBe(expected);
  });
});
