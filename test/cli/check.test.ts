import { describe, expect, it } from 'vitest';
import type { CheckReport, Finding } from '../../functions/engine/check/finding.ts';
import { fakeWorkspace } from './fake-workspace.ts';
import { runMain } from './run-main.ts';

const finding = (changes: Partial<Finding> = {}): Finding => ({
  severity: 'error',
  code: 'select-missing',
  area: 'privileges',
  what: 'The role may not read table "public"."Weird \u001b]0;owned\u0007".',
  where: 'shop.public.weird',
  why: 'It is selected, and cannot be replicated.',
  fix: { kind: 'sql', text: 'grant usage on schema "public" to "reader";\ngrant select on "public"."weird" to "reader";' },
  ...changes,
});
const report = (findings: readonly Finding[], changes: Partial<CheckReport> = {}): CheckReport => ({
  integration: 'shop',
  ok: findings.every(({ severity }) => severity !== 'error'),
  server: { version: '15.18', flavour: 'rds', inRecovery: true },
  streams: { FULL_TABLE: 0, INCREMENTAL: 2, LOG_BASED: 40 },
  findings,
  ...changes,
});
const checking = (result: CheckReport): ReturnType<typeof fakeWorkspace> => fakeWorkspace({ check: async () => result });

describe('check', () => {
  it.each<readonly [string, readonly Finding[], number]>([
    ['nothing was found', [], 0],
    ['there are warnings', [finding({ severity: 'warning' })], 0],
    ['there is an error', [finding()], 1],
    ['the configuration has to be changed', [finding(), finding({ fix: { kind: 'config', text: 'x' } })], 2],
    ['it could be changed', [finding({ severity: 'info', fix: { kind: 'config', text: 'x' } })], 0],
  ])('ends with its exit code where %s', async (_, findings, code) => {
    expect(await runMain(['check'], { workspace: checking(report(findings)) })).toMatchObject({ code, err: '' });
  });

  it('prints areas in a table, then each finding with its fix ready to paste', async () => {
    const { out } = await runMain(['check'], {
      workspace: checking(
        report([
          finding(),
          finding({ severity: 'warning', code: 'slot-active', area: 'log', fix: { kind: 'parameter', text: 'x = 1' } }),
        ]),
      ),
    });

    expect(out).toContain('shop  PostgreSQL 15.18 (rds, a replica), 2 INCREMENTAL, 40 LOG_BASED\n');
    expect(out).toMatch(/^Checked +Errors +Warnings +Notes$/m);
    expect(out).toMatch(/^Privileges +1 +0 +0$/m);
    expect(out).toContain(
      '    fix (sql):\n      grant usage on schema "public" to "reader";\n      grant select on "public"."weird" to "reader";\n',
    );
    expect(out).toContain('    fix (parameter): x = 1\n');
    expect(out).toContain('No job can run: 1 error; 1 warning.');
    expect(out.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });

  it('shows what could not be looked at', async () => {
    const { out } = await runMain(['check'], {
      workspace: checking(report([finding({ area: 'connection', code: 'host-unknown' })], { server: null })),
    });

    expect(out).toContain('shop  not reached');
    expect(out).toMatch(/^Log +- +- +-$/m);
    expect(out).toMatch(/^Destination +0 +0 +0$/m);
  });

  it('prints the report as JSON', async () => {
    const { documents } = await runMain(['check', '--json'], { workspace: checking(report([finding()])) });

    expect(documents).toEqual([JSON.parse(JSON.stringify(report([finding()])))]);
  });
});

describe('setup-sql', () => {
  it('prints the script and nothing else', async () => {
    const workspace = fakeWorkspace();
    const { out, code } = await runMain(['setup-sql'], { workspace });

    expect({ out, code }).toEqual({ out: '-- the script\n', code: 0 });
    expect(workspace.calls).toContain('setupSql shop {"direction":"grant","names":"as-written","password":"variable"}');
  });

  it('passes on what is asked for', async () => {
    const workspace = fakeWorkspace();
    const { documents } = await runMain(
      ['setup-sql', '--flavour', 'aurora', '--revoke', '--connect', '--password-placeholder', '--json'],
      { workspace },
    );

    expect(documents).toEqual([{ integration: 'shop', sql: '-- the script\n' }]);
    expect(workspace.calls).toContain(
      'setupSql shop {"flavour":"aurora","direction":"revoke","names":"connected","password":"placeholder"}',
    );
  });

  it.each([
    ['an unknown flavour', ['--flavour', 'oracle'], 'heroku'],
    ['several integrations', [], 'integration-not-named'],
  ])('refuses %s', async (_, args, text) => {
    const { code, err } = await runMain(['setup-sql', ...args], { workspace: fakeWorkspace({ integrations: ['shop', 'crm'] }) });

    expect(code).toBe(2);
    expect(err).toContain(text);
  });
});
