import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sampleRecord, sampleReport } from '../report/sample-report.ts';
import { fakeWorkspace, recordsOf } from './fake-workspace.ts';
import { runMain } from './run-main.ts';

const JOB = '20261122T081200.123Z-000042';
const two = { integrations: ['shop', 'crm'] } as const;

describe('reports', () => {
  it('lists jobs, newest first, up to a limit', async () => {
    const workspace = fakeWorkspace();
    const { out } = await runMain(['reports', '-n', '5'], { workspace });

    expect(out).toMatch(new RegExp(`^${JOB} +complete +schedule +2026-11-22 08:12:00 UTC +10\\.0 s +1,204 +60\\.2 KB$`, 'm'));
    expect(workspace.calls).toContain('jobs shop {"limit":5}');
  });

  it('says so where there is no job yet', async () => {
    const workspace = fakeWorkspace({ jobs: () => recordsOf([]) });

    expect((await runMain(['reports'], { workspace })).out).toBe('shop\nNo job yet.\n');
    expect(await runMain(['reports', 'show'], { workspace })).toMatchObject({
      code: 1,
      err: expect.stringContaining('error no-job-yet') as string,
    });
  });

  it('lists jobs as one JSON document each', async () => {
    const { documents } = await runMain(['reports', '--json']);

    expect(documents).toMatchObject([{ integration: 'shop', job: JOB, state: 'complete', rows: 1204, error: null }]);
  });

  it('shows the latest job that ran unless one is named', async () => {
    const skipped = sampleRecord('2026-11-22T08:42:00.123Z', {}, { state: 'skipped' });
    const workspace = fakeWorkspace({ jobs: () => recordsOf([skipped, sampleRecord('2026-11-22T08:12:00.123Z')]) });
    await runMain(['reports', 'show'], { workspace });
    const named = await runMain(['reports', 'show', JOB, '--json'], { workspace });

    expect(workspace.calls.filter((call) => call.startsWith('report'))).toEqual([
      `report shop {"job":"${JOB}"}`,
      `report shop {"job":"${JOB}"}`,
    ]);
    expect(named.documents).toEqual([sampleReport()]);
  });

  it('takes options on either side of show, and never lets a default win', async () => {
    const after = await runMain(['reports', 'show', '--config', 'other.yaml', '--json']);
    const before = await runMain(['reports', '--config', 'other.yaml', '--json', 'show']);

    expect([after.opened, before.opened]).toEqual([['other.yaml'], ['other.yaml']]);
    expect([after.documents.length, before.documents.length]).toEqual([1, 1]);
  });

  it('refuses an unknown job as a usage error', async () => {
    const { code, err } = await runMain(['reports', 'show', 'nope']);

    expect(code).toBe(2);
    expect(err).toContain('error job-unknown: There is no job nope of "shop".');
  });

  it('writes a page, or says why it cannot', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'backstitch-'));
    const file = join(folder, 'report.html');
    try {
      const written = await runMain(['reports', '--html', file]);
      const page = await readFile(file, 'utf8');
      const shown = await runMain(['reports', 'show', JOB, '--html', '-']);
      const refused = await runMain(['reports', '--html', join(folder, 'missing', 'report.html')]);

      expect(written.out).toBe(`Wrote the report of job ${JOB} to ${file}\n`);
      expect(page).toMatch(/^<!doctype html>/);
      expect(shown.out).toBe(page);
      expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('error file-unwritable') as string });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('logs', () => {
  it('prints one line an event in the form of Stitch', async () => {
    const { out } = await runMain(['logs']);

    expect(out).toBe(
      `2026-11-22 08:12:00,159Z  engine - INFO job-started job=${JOB} streams=3\n2026-11-22 08:12:01,000Z  engine - WARNING slow note="two words" none=null\n`,
    );
  });

  it('leaves out events below a level', async () => {
    const { out } = await runMain(['logs', JOB, '--level', 'WARNING']);

    expect(out.split('\n')).toHaveLength(2);
    expect(out).toContain('WARNING slow');
  });

  it('prints raw events with --json', async () => {
    const { documents } = await runMain(['logs', '--json']);

    expect(documents).toMatchObject([
      { event: 'job-started', level: 'INFO', fields: { streams: 3 } },
      { event: 'slow', fields: { none: null } },
    ]);
  });

  it('keeps names from acting on the terminal', async () => {
    const workspace = fakeWorkspace({
      logs: async function* () {
        yield {
          at: '2026-11-22T08:12:00.159Z',
          level: 'INFO',
          event: 'read',
          fields: { stream: 'x\u001b[2J\ny\u202e' },
        } as const;
      },
    });
    const { out } = await runMain(['logs'], { workspace });

    expect(out).toBe('2026-11-22 08:12:00,159Z  engine - INFO read stream="x\\u001b[2J\\ny\\u202e"\n');
  });

  it('ends quietly when the reader of the pipe goes away', async () => {
    const { code, err } = await runMain(['logs'], { closesAfter: 1 });

    expect({ code, err }).toEqual({ code: 0, err: '' });
  });
});

describe('reset', () => {
  it('asks first, and resets on a yes', async () => {
    const workspace = fakeWorkspace();
    const { out, questions } = await runMain(['reset', 'public.orders'], { workspace, answer: 'Yes' });

    expect(questions).toEqual([expect.stringMatching(/public\.orders of shop .*\[y\/N\] $/s)]);
    expect(workspace.calls).toContain('reset shop {"table":"public.orders"}');
    expect(out).toBe('Reset 1 stream: shop.public.orders. The next job begins a fresh copy.\n');
  });

  it.each(['', 'n', 'yesterday', 'no'])('changes nothing on the answer "%s"', async (answer) => {
    const workspace = fakeWorkspace();
    const { code, err } = await runMain(['reset'], { workspace, answer });

    expect(workspace.calls).toEqual(['disposed']);
    expect({ code, err }).toEqual({ code: 0, err: 'Nothing was changed.\n' });
  });

  it('refuses where nobody can be asked, unless --yes is given', async () => {
    const workspace = fakeWorkspace();
    const refused = await runMain(['reset'], { workspace });
    const done = await runMain(['reset', '--yes', '--json'], { workspace });

    expect(refused).toMatchObject({
      code: 2,
      err: expect.stringContaining('error confirmation-needed: A reset of all tables of shop') as string,
    });
    expect(workspace.calls.filter((call) => call.startsWith('reset'))).toEqual(['reset shop {}']);
    expect(done.documents).toEqual([{ integration: 'shop', streams: ['shop.public.orders'] }]);
  });

  it('needs to know which integration is meant', async () => {
    const workspace = fakeWorkspace(two);
    const { code, err } = await runMain(['reset', '--yes'], { workspace });

    expect(code).toBe(2);
    expect(err).toBe(
      'error integration-not-named: ./backstitch.yaml has more than one integration: shop, crm.\nremedy: Name the one that is meant with --integration.\n',
    );
    expect(workspace.calls).toEqual(['disposed']);
  });
});

describe('pause, resume, stop', () => {
  const cases = [
    [
      'pause',
      'shop is paused: schedules start nothing; a running job goes on.\n',
      { pausedAt: '2026-11-22T09:00:00.000Z', changed: true },
    ],
    ['resume', 'shop goes on: schedules start jobs again.\n', { changed: true }],
    ['stop', `shop job ${JOB} was asked to end at its next checkpoint.\n`, { state: 'asked', job: JOB }],
  ] as const;
  it.each(cases)('%s says what it did', async (command, text, document) => {
    expect(await runMain([command])).toMatchObject({ code: 0, out: text });
    expect((await runMain([command, '--json'])).documents).toEqual([{ integration: 'shop', ...document }]);
  });

  it('say so where there was nothing to do', async () => {
    const workspace = fakeWorkspace({
      pause: async () => ({ pausedAt: '2026-11-20T09:00:00.000Z', changed: false }),
      resume: async () => ({ changed: false }),
      stop: async () => ({ state: 'idle' }),
    });

    expect((await runMain(['pause'], { workspace })).out).toBe('shop was paused already, since 2026-11-20 09:00:00 UTC.\n');
    expect((await runMain(['resume'], { workspace })).out).toBe('shop was not paused.\n');
    expect((await runMain(['stop'], { workspace })).out).toBe('shop runs no job.\n');
  });
});
