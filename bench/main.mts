import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import type { BenchGroup } from './bench-case.ts';
import { benchConverter, LEAST_RATIOS } from './converter.ts';
import { sizesOf } from './data.ts';
import { folderSpeed } from './folder-speed.ts';
import { runGrowth } from './growth.ts';
import { openGiant, openLog } from './log-cases.ts';
import { openParallel } from './parallel-cases.ts';
import { growthPlot } from './plot.ts';
import { ensurePrograms } from './programs.ts';
import { missesOf, PEAK_MB, renderConverter, renderGroup, renderGrowth, renderResults, verdict } from './render.ts';
import type { BenchResults, RunFacts } from './render.ts';
import { withMeasured } from './results-file.ts';
import { runGroup } from './run-groups.ts';
import type { GroupResult } from './run-groups.ts';
import { s3Group } from './s3-cases.ts';
import { importTimes, openIdle } from './small-cases.ts';
import { MAJOR } from './server.ts';
import { openTables } from './table-cases.ts';

const ROOT = join(import.meta.dirname, '..');
const CACHE = join(ROOT, '.cache', 'bench');
const RESULTS = join(import.meta.dirname, 'RESULTS.md');

/** Cases that need what may not be had here: Lambda's Node, wal2json. */
const MAY_BE_MISSING = ['ours, zstd-1, Node 24', 'ours, wal2json, no compression'] as const;

const USAGE =
  'npm run bench -- [--scale 1] [--rounds 5] [--only <pattern>] [--json] [--growth] [--parallel] [--small] [--check] [--fresh] [--write]   (bench/README.md)';

const { values } = readArguments();
const scale = numberOf('scale', values.scale);
const rounds = numberOf('rounds', values.rounds);
const print = values.json ? (): void => undefined : (text: string): void => console.log(text);

await mkdir(CACHE, { recursive: true });
const results: BenchResults = values.check
  ? await checkConverter()
  : values.growth
    ? await growth()
    : values.parallel
      ? await parallel()
      : values.small
        ? await small()
        : { ...(await limits()), ...(await small()) };
if (values.json) console.log(JSON.stringify(results, null, 2));
if (values.write) await write(results);

/** The guard against a slower converter: needs no server, and compares with what the same engine does to the same rows at the same time. */
async function checkConverter(): Promise<BenchResults> {
  const measured = benchConverter(Math.max(rounds, 3));
  print(renderConverter(measured));
  const slower = measured.filter(({ table, ratio }) => ratio < LEAST_RATIOS[table]);
  if (slower.length > 0) {
    console.error(`slower than it has to be: ${slower.map(({ table }) => table).join(', ')}`);
    process.exitCode = 1;
  }
  return { converter: { about: await facts(), results: measured } };
}

async function growth(): Promise<BenchResults> {
  const result = await runGrowth(
    await dataFolder('growth'),
    { scale, rounds },
    ({ series, tables, rows, workers, wallS, peakMb }) =>
      print(`${series}: ${tables} tables, ${rows} rows, ${workers} workers: ${wallS.toFixed(2)} s, ${peakMb.toFixed(0)} MB`),
  );
  print(renderGrowth(result));
  return { growth: { about: await facts(), result } };
}

async function limits(): Promise<BenchResults> {
  const missing = ensurePrograms(['psql', 'pg_recvlogical', 'gzip', 'openssl']);
  if (missing.length > 0) throw new Error(`${missing.join(', ')} cannot be had here: nothing to compare with`);
  const sizes = sizesOf(scale);
  const groups: GroupResult[] = [];
  const run = async (group: BenchGroup): Promise<void> => void groups.push(...(await measure(group)));
  {
    await using tables = await openTables(await dataFolder('tables'), sizes);
    for (const group of tables.groups) await run(group);
    await run(s3Group(tables.server, sizes));
  }
  {
    await using log = await openLog(await dataFolder('log'), sizes);
    await run(log);
  }
  {
    await using giant = await openGiant(await dataFolder('giant'), sizes);
    await run(giant);
  }
  const measured = new Set(groups.flatMap(({ cases }) => cases.map(({ name }) => name)));
  const notMeasured = values.only === '' ? MAY_BE_MISSING.filter((name) => !measured.has(name)) : [];
  const result = { about: await facts(), groups, notMeasured };
  print(verdict(result));
  if (missesOf(groups, PEAK_MB).length > 0) process.exitCode = 1;
  return { limits: result };
}

async function small(): Promise<BenchResults> {
  const groups: GroupResult[] = [];
  {
    await using idle = await openIdle(await dataFolder('idle'));
    groups.push(...(await measure(idle)));
  }
  const imports = values.only === '' ? await importTimes(rounds) : undefined;
  if (missesOf(groups, PEAK_MB).length > 0) process.exitCode = 1;
  return { small: { about: await facts(), groups, ...(imports === undefined ? {} : { imports: [...imports] }) } };
}

async function parallel(): Promise<BenchResults> {
  await using opened = await openParallel(await dataFolder('parallel'), scale);
  const groups: GroupResult[] = [];
  for (const group of opened.groups) groups.push(...(await measure(group, Infinity)));
  return { parallel: { about: await facts(), groups } };
}

/** Nothing of a group that is not wanted. */
async function measure(group: BenchGroup, mostMb = PEAK_MB): Promise<readonly GroupResult[]> {
  if (!new RegExp(values.only, 'i').test(group.title)) return [];
  const result = await runGroup(group, rounds, (name, { wallS, rows }) =>
    print(`  ${name}: ${wallS.toFixed(2)} s, ${Math.round(rows / wallS).toLocaleString('en')} rows/s`),
  );
  print(renderGroup(result, mostMb));
  return [result];
}

async function dataFolder(name: string): Promise<string> {
  const folder = join(CACHE, `${name}-${scale}`);
  if (values.fresh) await rm(folder, { recursive: true, force: true });
  return folder;
}

async function facts(): Promise<RunFacts> {
  const [cpu] = cpus();
  const { stdout } = await promisify(execFile)('psql', ['--version']).catch(() => ({ stdout: 'psql is missing' }));
  return {
    at: new Date().toISOString().slice(0, 16).replace('T', ' '),
    scale,
    rounds,
    machine: `${cpus().length} x ${cpu?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GB`,
    versions: `commit ${await commit()}; Node ${process.versions.node}, PostgreSQL ${await postgresVersion()} on the same machine over loopback without TLS, ${stdout.trim()}, Linux ${release()}`,
    folderMbPerS: await folderSpeed(),
    load: loadavg()
      .map((load) => load.toFixed(1))
      .join(', '),
  };
}

/** The sources that were measured. */
async function commit(): Promise<string> {
  const git = async (...args: readonly string[]): Promise<string> =>
    (await promisify(execFile)('git', [...args], { cwd: ROOT })).stdout.trim();
  try {
    const changed = await git(
      'status',
      '--porcelain',
      'functions',
      'bench',
      'scripts',
      'package-lock.json',
      ':!bench/RESULTS.md',
    );
    return `${await git('rev-parse', '--short', 'HEAD')}${changed === '' ? '' : ' and changes'}`;
  } catch {
    return 'unknown';
  }
}

async function postgresVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(ROOT, 'node_modules', `pg${MAJOR}`, 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  return version.replace(/-beta.*/, '');
}

/** Adds what was measured now to what was measured before. */
async function write(measured: BenchResults): Promise<void> {
  const kept = await readFile(RESULTS, 'utf8').catch(() => '');
  await writeFile(RESULTS, withMeasured(kept, renderResults(measured)));
  if (measured.growth !== undefined) await writeFile(join(import.meta.dirname, 'growth.svg'), growthPlot(measured.growth.result));
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  return value > 0 ? value : refuse(`--${name} ${text} is no number above 0`);
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        scale: { type: 'string', default: '1' },
        rounds: { type: 'string', default: '5' },
        only: { type: 'string', default: '' },
        json: { type: 'boolean', default: false },
        growth: { type: 'boolean', default: false },
        parallel: { type: 'boolean', default: false },
        small: { type: 'boolean', default: false },
        check: { type: 'boolean', default: false },
        fresh: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function refuse(what: string): never {
  console.error(`${what}\n${USAGE}`);
  process.exit(2);
}
