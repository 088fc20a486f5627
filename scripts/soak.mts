// Runs writers and jobs for as long as told and checks after every round that nothing is lost and nothing grows: `npm run soak -- --minutes 30`.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { brokenAtRest } from '../test/crash/invariants.ts';
import { columnName, COLUMNS } from '../test/crash/columns.ts';
import type { Column } from '../test/crash/columns.ts';
import { openScene } from '../test/crash/scene.ts';
import type { Bench, Scene } from '../test/crash/scene.ts';
import { changeSource } from '../test/crash/source.ts';
import { openStores } from '../test/crash/stores.ts';
import { openTestServers } from '../test/crash/test-servers.ts';
import { hasWal2json } from '../test/support/wal2json.ts';
import type { SoakAnswer, SoakQuestion } from './soak-jobs.mts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '5' } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new TypeError('--minutes takes a number above 0');

/** A source and its place are replaced after so many rounds: comparing reads everything that was ever written. */
const ROUNDS_PER_SCENE = 8;
const WRITES_PER_ROUND = 20;
/** Memory may be so much larger at the end of the second half than at its beginning, by the line through all of its rounds. */
const MOST_GROWTH = 0.1;

interface Round {
  readonly rssMB: number;
  readonly heapMB: number;
  readonly handles: number;
  readonly connections: number;
  readonly slots: number;
  readonly retainedKB: number;
}

const rounds: Round[] = [];
const broken: string[] = [];
let jobs = 0;
let rows = 0;
{
  await using servers = await openTestServers();
  await using stores = await openStores({ directory: join(servers.runDirectory, 'objects') });
  const bench: Bench = { stores, serverOf: servers.serverOf };
  const columns = COLUMNS.filter(({ log }) => log?.plugin !== 'wal2json' || hasWal2json());
  const scenes = new Map<Column, Scene>();
  // After the stores: they say in the environment where they are.
  await using runner = openRunner();
  const end = Date.now() + minutes * 60_000;
  for (let number = 0; Date.now() < end; number += 1) {
    const seen: Round[] = [];
    for (const column of columns) seen.push(await soakRound({ ...bench, runner }, scenes, column, number));
    const round = await measured(runner, seen);
    rounds.push(round);
    console.error(
      `round ${String(number + 1)}: ${JSON.stringify(round)}${broken.length > 0 ? ` BROKEN ${String(broken.length)}` : ''}`,
    );
  }
  for (const scene of scenes.values()) await scene[Symbol.asyncDispose]();
}
report();

/** Writers beside a job, then a job alone, then everything is compared. */
async function soakRound(
  bench: Bench & { readonly runner: Runner },
  scenes: Map<Column, Scene>,
  column: Column,
  number: number,
): Promise<Round> {
  if (number % ROUNDS_PER_SCENE === 0) {
    await scenes.get(column)?.[Symbol.asyncDispose]();
    scenes.set(column, await openScene(bench, column, { isWide: false }));
  }
  const scene = scenes.get(column);
  if (scene === undefined) throw new Error('no scene');
  const { db, place } = scene;
  const write = async (): Promise<void> => {
    await changeSource(db, column);
    for (let n = 0; n < WRITES_PER_ROUND; n += 1)
      await db.query(
        `update items set label = 'round ${String(number)}.${String(n)}', at = clock_timestamp() where id % 20 = ${String(n)}`,
      );
  };
  const run = (): Promise<SoakAnswer> => bench.runner.ask({ kind: 'run', configPath: place.workspace.configPath });
  const [beside] = await Promise.all([run(), write()]);
  const alone = await run();
  for (const job of [beside, alone]) {
    if (job.kind !== 'job') throw new TypeError('the process of the jobs answered another question');
    jobs += 1;
    rows += job.rows;
    if (job.state !== 'complete') broken.push(`${columnName(column)}: a job is ${job.state} ${job.code}`);
  }
  broken.push(...(await brokenAtRest(db, place, column)).map((what) => `${columnName(column)}: ${what}`));
  const [left] = await db.query(
    `select (select count(*) from pg_stat_activity where datname = current_database() and application_name like 'backstitch%')::text as connections,
       count(*)::text as slots, coalesce(max(pg_current_wal_lsn() - restart_lsn), 0)::bigint::text as retained
     from pg_replication_slots where database = current_database()`,
  );
  const { connections = '0', slots = '0', retained = '0' } = left ?? {};
  return {
    rssMB: 0,
    heapMB: 0,
    handles: 0,
    connections: Number(connections),
    slots: Number(slots),
    retainedKB: Number(retained) / 1024,
  };
}

async function measured(runner: Runner, seen: readonly Round[]): Promise<Round> {
  const holds = await runner.ask({ kind: 'measure' });
  if (holds.kind !== 'holds') throw new TypeError('the process of the jobs answered another question');
  const { rssMB, heapMB, handles } = holds;
  return {
    rssMB,
    heapMB,
    handles,
    connections: seen.reduce((sum, round) => sum + round.connections, 0),
    slots: seen.reduce((sum, round) => sum + round.slots, 0),
    retainedKB: Math.round(Math.max(...seen.map((round) => round.retainedKB))),
  };
}

/** The process that the jobs run in. */
interface Runner extends AsyncDisposable {
  ask(question: SoakQuestion): Promise<SoakAnswer>;
}

function openRunner(): Runner {
  const child = fork(join(import.meta.dirname, 'soak-jobs.mts'), { execArgv: ['--import', 'tsx'] });
  const ended = once(child, 'exit').then(([code]): never => {
    throw new Error(`the process of the jobs ended (${String(code)})`);
  });
  ended.catch(() => undefined);
  return {
    ask: async (question) => {
      const answered = once(child, 'message');
      child.send(question);
      const [answer] = (await Promise.race([answered, ended])) as [SoakAnswer];
      return answer;
    },
    [Symbol.asyncDispose]: async () => {
      child.disconnect();
      await ended.catch(() => undefined);
    },
  };
}

function report(): void {
  const growth = { rss: growthOf(({ rssMB }) => rssMB), heap: growthOf(({ heapMB }) => heapMB) };
  const connections = Math.max(...rounds.map((round) => round.connections));
  const range = (of: (round: Round) => number): string =>
    `${String(Math.min(...rounds.map(of)))} to ${String(Math.max(...rounds.map(of)))}`;
  console.table({
    minutes,
    rounds: rounds.length,
    jobs,
    rows,
    'resident memory, MB': range(({ rssMB }) => rssMB),
    'heap, MB': range(({ heapMB }) => heapMB),
    'growth in the second half': `resident ${percent(growth.rss)}, heap ${percent(growth.heap)}`,
    'open handles and files': range(({ handles }) => handles),
    'connections left': connections,
    slots: range(({ slots }) => slots),
    'WAL retained, kB': range(({ retainedKB }) => retainedKB),
    broken: broken.length,
  });
  for (const what of new Set(broken)) console.log(`broken: ${what}`);
  const isFlat = Math.max(growth.rss ?? 0, growth.heap ?? 0) <= MOST_GROWTH;
  if (!isFlat) console.log('broken: memory grows');
  if (connections > 0) console.log('broken: connections are left');
  process.exitCode = broken.length === 0 && isFlat && connections === 0 ? 0 : 1;
}

/** Undefined with fewer than three. Growth along the least-squares line through the second half of the rounds, as a part of where it begins. */
function growthOf(of: (round: Round) => number): number | undefined {
  const points = rounds.slice(Math.floor(rounds.length / 2)).map(of);
  if (points.length < 3) return undefined;
  const middle = (points.length - 1) / 2;
  const mean = points.reduce((sum, y) => sum + y, 0) / points.length;
  const above = points.reduce((sum, y, x) => sum + (x - middle) * (y - mean), 0);
  const below = points.reduce((sum, _, x) => sum + (x - middle) ** 2, 0);
  const slope = above / below;
  return (slope * (points.length - 1)) / (mean - slope * middle);
}

function percent(part: number | undefined): string {
  return part === undefined ? 'unknown, too few rounds' : `${(part * 100).toFixed(1)} %`;
}
