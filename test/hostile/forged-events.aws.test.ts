import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLocal } from '../../functions/local.ts';
import type { PlanInput, ReportInput, WorkInput } from '../../functions/contract.ts';
import { deploy } from '../aws/handlers/functions.ts';
import type { Functions } from '../aws/handlers/functions.ts';
import { openCloudWorkspace, startCloud } from '../e2e/support/cloud.ts';
import type { Cloud } from '../e2e/support/cloud.ts';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import type { TestWorkspace } from '../support/workspace.ts';

const never = new AbortController().signal;
const TIME = '2999-01-01T00:00:00Z';

let cloud: Cloud;
let db: TestDatabase;
let ws: TestWorkspace;
let functions: Functions;
/** A job of another integration of the same configuration, in the same bucket and table. */
let foreign: string;
let own: string;

beforeAll(async () => {
  cloud = await startCloud();
  db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
  await db.query('create table items as select n as id from generate_series(1, 10) n');
  ws = await openCloudWorkspace(cloud, db, { lines: ['tables: [{ table: public.items, method: FULL_TABLE }]'] });
  functions = await deploy(ws);
  const text = await readFile(ws.configPath, 'utf8');
  const [, shop = ''] = text.split('integrations:\n');
  await writeFile(ws.configPath, `${text}${shop.replace('name: shop', 'name: shop_eu')}`);
  await using workspace = await openLocal({ configPath: ws.configPath, env: {} });
  const outcome = await workspace.run('shop_eu', { trigger: 'manual', progress: () => undefined, stop: never, abort: never });
  if (outcome.state !== 'finished') throw new Error(`it is ${outcome.state}`);
  foreign = outcome.report.job;
  const { planned } = await functions.execute();
  own = planned.job;
}, 60_000);

afterAll(async () => {
  for (const one of [functions, ws, db, cloud]) await one[Symbol.asyncDispose]();
});

/** Everything that is stored, but the log of what was refused. */
async function stored(): Promise<readonly string[]> {
  const { objects } = cloud.s3.store;
  const keys = [...objects].filter(([key]) => !key.includes('/_logs/'));
  const bodies = await Promise.all(
    keys.map(
      async ([key, { blobs }]) =>
        `${key} ${Buffer.concat(await Promise.all(blobs.map((blob) => blob.read()))).toString('base64')}`,
    ),
  );
  return [...bodies.sort(), ...(await cloud.items())];
}

const forged = (value: unknown): string => value as string;

describe('a function that is invoked by somebody else', () => {
  test.each([
    ['no object', (): unknown => 'work'],
    ['nothing', (): unknown => ({})],
    ['a job that is a number', (): unknown => ({ job: 1, worker: 'w0', endBy: TIME })],
    ['a job that is a path', (): unknown => ({ job: `../shop_eu/${foreign}`, worker: 'w0', endBy: TIME })],
    ['a worker that is a path', (): unknown => ({ job: own, worker: '../../shop_eu/_logs/x', endBy: TIME })],
    ['a worker of a megabyte', (): unknown => ({ job: own, worker: 'w'.repeat(1_000_000), endBy: TIME })],
    ['a time that is none', (): unknown => ({ job: own, worker: 'w0', endBy: 'soon' })],
  ])('as a worker, with %s, is refused and touches nothing', async (_, event) => {
    const before = await stored();
    const logged = cloud.s3.store.objects.size;

    await expect(functions.work(event() as WorkInput)).rejects.toMatchObject({ code: 'event-invalid' });

    expect(await stored()).toEqual(before);
    expect(cloud.s3.store.objects.size).toBe(logged);
  });

  test.each([
    ['finish', 'finish'],
    ['events', 'events'],
  ] as const)("for the report (%s) of another integration's job is refused, and touches nothing", async (_, kind) => {
    const before = await stored();

    await expect(functions.report({ kind, job: foreign, from: 0 })).rejects.toMatchObject({ code: 'job-unknown' });
    await expect(functions.report({ kind, job: `${foreign}#`, from: 0 })).rejects.toMatchObject({ code: 'event-invalid' });
    await expect(functions.report({ kind: forged('remove'), job: own } as ReportInput)).rejects.toMatchObject({
      code: 'event-invalid',
    });

    expect(await stored()).toEqual(before);
  });

  test("as a worker of another integration's job is refused, and touches nothing", async () => {
    const before = await stored();

    await expect(functions.work({ job: foreign, worker: 'w0', endBy: TIME })).rejects.toMatchObject({ code: 'job-unknown' });

    expect(await stored()).toEqual(before);
  });

  test('to begin a job with a trigger or an execution of no state machine is refused, and no job is recorded', async () => {
    const before = await stored();

    for (const event of [{ trigger: 'now' }, { execution: 7 }, { execution: '../x' }, { startedAt: {} }]) {
      await expect(functions.plan(event as unknown as PlanInput)).rejects.toMatchObject({ code: 'event-invalid' });
    }

    expect(await stored()).toEqual(before);
  });

  test('for an execution that nobody started finds nothing to close', async () => {
    const before = await stored();

    expect(await functions.report({ kind: 'abandoned', execution: 'arn:nobody' })).toBeNull();

    expect(await stored()).toEqual(before);
  });

  test('again for a job that has ended changes nothing', async () => {
    const before = await stored();

    expect(await functions.work({ job: own, worker: 'w99', endBy: TIME })).toMatchObject({ state: 'done' });

    expect((await stored()).filter((line) => !line.startsWith('job#'))).toEqual(
      before.filter((line) => !line.startsWith('job#')),
    );
  });
});
