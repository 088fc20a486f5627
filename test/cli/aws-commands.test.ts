import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StartExecution } from '../../functions/cli/workspace.ts';
import { ReplicationError } from '../../functions/engine/model/errors.ts';
import { runMain, stillClock } from './run-main.ts';

const YAML = `destination: { url: "s3://acme-landing/postgres" }
state: { url: "dynamodb://backstitch" }
integrations:
  - name: shop$eu
    connection: { host: db, database: shop, user: u, ssl: { ca: rds } }
    schedule: { every: 6 hours, anchor: "2020-01-01T02:00:00Z" }
  - name: billing
    connection: { host: db, database: billing, user: u, ssl: { ca: rds } }
aws: { stackName: prod }
`;

let folder: string;
let config: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'backstitch-cli-aws-'));
  config = join(folder, 'backstitch.yaml');
  writeFileSync(config, YAML);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('schedule', () => {
  test('prints the next five times of each integration', async () => {
    const { code, documents } = await runMain(['schedule', '--config', config, '--json'], {
      clock: { ...stillClock(), now: () => new Date('2026-11-22T12:00:00Z') },
    });

    expect(code).toBe(0);
    expect(documents).toEqual([
      {
        integration: 'shop$eu',
        schedule: { kind: 'every', minutes: 360, anchor: '2020-01-01T02:00:00.000Z' },
        next: ['2026-11-22T14', '2026-11-22T20', '2026-11-23T02', '2026-11-23T08', '2026-11-23T14'].map(
          (hour) => `${hour}:00:00.000Z`,
        ),
      },
      { integration: 'billing', schedule: null, next: [] },
    ]);
  });

  test('prints them as text', async () => {
    const { out } = await runMain(['schedule', '--config', config]);

    expect(out).toContain('shop$eu starts every 360 minutes on the grid of 2020-01-01T02:00:00.000Z, next:\n  ');
    expect(out).toContain('billing starts by hand only.');
  });

  test('names the integrations there are where one is not', async () => {
    const { code, err } = await runMain(['schedule', '--config', config, '--integration', 'shop']);

    expect(code).toBe(2);
    expect(err).toContain('shop$eu, billing');
  });
});

describe('run --aws', () => {
  test('starts the state machine of the integration and says where to watch it', async () => {
    const asked: string[] = [];
    const startExecution: StartExecution = async ({ stateMachineName }) => {
      asked.push(stateMachineName);
      return { executionArn: 'arn:1', consoleUrl: 'https://console' };
    };

    const one = await runMain(['run', '--aws', '--config', config, '--integration', 'shop$eu'], { startExecution });
    const all = await runMain(['run', '--aws', '--config', config, '--json'], { startExecution });

    expect(asked).toEqual(['prod-shop-eu', 'prod-shop-eu', 'prod-billing']);
    expect(one.out).toBe('shop$eu starts as arn:1\nhttps://console\n');
    expect(all.documents).toContainEqual({ integration: 'billing', executionArn: 'arn:1', consoleUrl: 'https://console' });
    expect(one.opened).toEqual([]);
  });

  test('fails where it cannot be started', async () => {
    const refused = new ReplicationError('execution-not-started', { name: 'prod-billing', reason: 'AccessDeniedException' });

    const { code, err } = await runMain(['run', '--aws', '--config', config, '--integration', 'billing'], {
      startExecution: () => Promise.reject(refused),
    });

    expect(code).not.toBe(0);
    expect(err).toContain('The state machine prod-billing was not started: AccessDeniedException.');
  });

  test('is not for schedules', async () => {
    const { code } = await runMain(['run', '--aws', '--scheduled', '--config', config]);

    expect(code).toBe(2);
  });
});
