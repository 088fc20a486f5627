import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { watchSignals } from '../../functions/cli/signals.ts';
import type { Workspace } from '../../functions/cli/workspace.ts';
import { ReplicationError } from '../../functions/engine/model/errors.ts';
import { sampleReport } from '../report/sample-report.ts';
import { fakeWorkspace } from './fake-workspace.ts';
import { runMain, stillClock } from './run-main.ts';

const COMMANDS = [
  'demo',
  'check',
  'setup-sql',
  'discover',
  'plan',
  'run',
  'status',
  'reports',
  'reports show',
  'logs',
  'reset',
  'pause',
  'resume',
  'stop',
  'schedule',
  'ssh-key',
];

describe('help', () => {
  it('lists the commands that exist, and the exit codes', async () => {
    const { code, out } = await runMain(['--help']);
    const listed = [...out.matchAll(/^ {2}([a-z-]+) (?:\[|[A-Z]| {2})/gm)].map((match) => match[1]);

    expect(code).toBe(0);
    expect(listed.filter((name) => name !== 'help')).toEqual(COMMANDS.filter((command) => !command.includes(' ')));
    expect(out).toContain('130  interrupted (Ctrl-C); 143 for SIGTERM');
  });

  it.each(COMMANDS)('of %s ends with an example of it', async (command) => {
    const { code, out, err } = await runMain([...command.split(' '), '--help']);

    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain(`Usage: backstitch ${command}`);
    expect(out).toContain('--json');
    expect(out).toContain(`Example:\n  $ backstitch ${command}`);
  });

  it('is shown as an error where no command is given', async () => {
    const { code, out, err } = await runMain([]);

    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('Usage: backstitch');
  });

  it('tells the version', async () => {
    expect(await runMain(['--version'])).toMatchObject({ code: 0, out: '1.2.3\n' });
  });
});

describe('wrong calls', () => {
  const cases: readonly (readonly [string, readonly string[], string, string])[] = [
    ['an unknown command', ['runn'], "Unknown command 'runn' (Did you mean run?)", 'backstitch --help'],
    [
      'an unknown option',
      ['run', '--scheduld'],
      "Unknown option '--scheduld' (Did you mean --scheduled?)",
      'backstitch run --help',
    ],
    ['an argument too many', ['run', 'shop'], "Too many arguments for 'run'", 'backstitch run --help'],
    [
      'a missing value',
      ['status', '--integration'],
      "Option '-i, --integration <name>' argument missing.",
      'backstitch status --help',
    ],
    ['a limit of zero', ['reports', '--limit', '0'], 'It takes a whole number of at least 1.', 'backstitch reports --help'],
    [
      'an unknown level',
      ['logs', '--level', 'LOUD'],
      'Allowed choices are DEBUG, INFO, WARNING, ERROR, CRITICAL.',
      'backstitch logs --help',
    ],
    [
      'a wrong option of a subcommand',
      ['reports', 'show', '--nope'],
      "Unknown option '--nope'.",
      'backstitch reports show --help',
    ],
  ];
  it.each(cases)('%s is a usage error with its remedy, and opens nothing', async (_, args, message, help) => {
    const { code, err, opened, out } = await runMain(args);

    expect({ code, opened, out }).toEqual({ code: 2, opened: [], out: '' });
    expect(err).toMatch(/^error usage: /);
    expect(err).toContain(message);
    expect(err).toContain(`remedy: Run: ${help}\n`);
  });

  it('are JSON where JSON was asked for', async () => {
    const { err } = await runMain(['run', '--json', '--nope']);

    expect(JSON.parse(err)).toMatchObject({ error: { code: 'usage', remedy: 'Run: backstitch run --help' } });
  });

  it('with an unknown integration name the known ones', async () => {
    const { code, err } = await runMain(['status', '-i', 'shpo', '-c', 'x.yaml']);

    expect(code).toBe(2);
    expect(err).toContain('There is no integration "shpo" in x.yaml; it has shop.');
  });
});

describe('errors', () => {
  it('of the configuration keep their lines and end with 2', async () => {
    const problems = '  3:5 unknown key\n  9:1 wrong \u001b[31mtype';
    const error = new ReplicationError('config-invalid', { file: 'backstitch.yaml', count: 2, problems });
    const { code, err } = await runMain(['plan'], { openWorkspace: () => Promise.reject(error) });

    expect(code).toBe(2);
    expect(err).toContain(
      'error config-invalid: backstitch.yaml has 2 error(s):\n  3:5 unknown key\n  9:1 wrong \\u001b[31mtype\n'.trimEnd(),
    );
    expect(err).toContain('\nremedy: Correct the lines');
  });

  it('that nobody expected show no text of theirs without --debug', async () => {
    const openWorkspace = (): Promise<never> =>
      Promise.reject(new TypeError('secret value', { cause: new Error('deeper secret') }));
    const plain = await runMain(['status'], { openWorkspace });
    const debug = await runMain(['status', '--debug'], { openWorkspace });

    expect(plain.code).toBe(1);
    expect(plain.err).toContain('error unexpected: Something unexpected happened (TypeError).');
    expect(plain.err).toContain('--debug');
    expect(plain.err).not.toContain('secret');
    expect(debug.err).toContain('TypeError: secret value');
    expect(debug.err).toContain('caused by: Error: deeper secret');
  });

  it('are JSON on standard error with --json', async () => {
    const workspace = fakeWorkspace({ status: () => Promise.reject(new ReplicationError('sink-full', { url: 'file:./out' })) });
    const { code, out, err } = await runMain(['status', '--json'], { workspace });

    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(JSON.parse(err)).toEqual({
      error: {
        code: 'sink-full',
        message: 'There is no space left in the destination file:./out.',
        remedy: 'Free space; the next run continues from the last checkpoint.',
      },
    });
  });
});

describe('signals', () => {
  /** A workspace whose run tells when it began, and ends at the first signal or only at the abort. */
  function waiting(until: 'stop' | 'abort'): { readonly workspace: Workspace; readonly began: Promise<void> } {
    let begin = (): void => undefined;
    const began = new Promise<void>((resolve) => (begin = resolve));
    const workspace = fakeWorkspace({
      run: (_, { stop, abort }) =>
        new Promise((resolve, reject) => {
          abort.addEventListener('abort', () => reject(abort.reason as Error));
          if (until === 'stop') {
            stop.addEventListener('abort', () => resolve({ state: 'finished', report: sampleReport({ state: 'stopped' }) }));
          }
          begin();
        }),
      status: (_, abort) =>
        new Promise((_resolve, reject) => {
          abort.addEventListener('abort', () => reject(abort.reason as Error));
          begin();
        }),
    });
    return { workspace, began };
  }

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends a run at a checkpoint, with %i', async (signal, code) => {
    const signals = new EventEmitter();
    const { workspace, began } = waiting('stop');
    const running = runMain(['run'], { workspace, signals });
    await began;
    signals.emit(signal);
    const result = await running;

    expect(result.code).toBe(code);
    expect(result.err).toBe('Stopping at the next checkpoint; once more to stop at once.\n');
    expect(result.out).toContain('stopped');
    expect(signals.listenerCount(signal)).toBe(0);
  });

  it('starts no further integration after a signal', async () => {
    const signals = new EventEmitter();
    const ran: string[] = [];
    const workspace = fakeWorkspace({
      integrations: ['shop', 'crm'],
      run: async (integration) => {
        ran.push(integration);
        signals.emit('SIGINT');
        return { state: 'finished', report: sampleReport() };
      },
    });

    expect((await runMain(['run'], { workspace, signals })).code).toBe(130);
    expect(ran).toEqual(['shop']);
  });

  it('aborts a run on the second signal', async () => {
    const signals = new EventEmitter();
    let nowMs = 0;
    const clock = { ...stillClock(), now: () => new Date(nowMs) };
    const { workspace, began } = waiting('abort');
    const running = runMain(['run'], { workspace, signals, clock });
    await began;
    signals.emit('SIGINT');
    nowMs = 5_000;
    signals.emit('SIGINT');
    const { code, err } = await running;

    expect(code).toBe(130);
    expect(err).toContain('Interrupted.\n');
  });

  it('abort other commands at once', async () => {
    const signals = new EventEmitter();
    const { workspace, began } = waiting('abort');
    const running = runMain(['status'], { workspace, signals });
    await began;
    signals.emit('SIGINT');

    expect(await running).toMatchObject({ code: 130, err: 'Interrupted.\n' });
  });

  it('that one keystroke sends twice count once', () => {
    const signals = new EventEmitter();
    let nowMs = 0;
    using interruption = watchSignals(signals, { first: 'checkpoint', now: () => nowMs });
    signals.emit('SIGINT');
    nowMs = 100;
    signals.emit('SIGINT');

    expect([interruption.stop.aborted, interruption.abort.aborted]).toEqual([true, false]);
    nowMs = 1_000;
    signals.emit('SIGTERM');
    expect([interruption.abort.aborted, interruption.exitCode]).toEqual([true, 143]);
    expect(signals.listenerCount('SIGINT')).toBe(0);
  });
});
