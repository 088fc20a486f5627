// npm run bench -- [--scale 1] [--rounds 5] [--only <pattern>] [--json] [--growth] [--check] [--fresh] [--write]
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import type { BenchGroup } from './bench-case.ts';
import { benchConverter, COMMITTED_RATIOS } from './converter.ts';
import { sizesOf } from './data.ts';
import { folderSpeed } from './folder-speed.ts';
import { runGrowth } from './growth.ts';
import { openGiant, openLog } from './log-cases.ts';
import { growthPlot } from './plot.ts';
import { ensurePrograms } from './programs.ts';
import { renderConverter, renderGroup, renderGrowth, renderResults } from './render.ts';
import type { BenchResults, RunFacts } from './render.ts';
import { runGroup } from './run-groups.ts';
import type { GroupResult } from './run-groups.ts';
import { s3Group } from './s3-cases.ts';
import { MAJOR } from './server.ts';
import { openTables } from './table-cases.ts';

const ROOT = join(import.meta.dirname, '..');
const CACHE = join(ROOT, '.cache', 'bench');
const KEPT = join(CACHE, 'results.json');

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
    growth: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    fresh: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const scale = numberOf('scale', values.scale);
const rounds = numberOf('rounds', values.rounds);
const print = values.json ? (): void => undefined : (text: string): void => console.log(text);

await mkdir(CACHE, { recursive: true });
const results: BenchResults = values.check ? await checkConverter() : values.growth ? await growth() : await limits();
if (values.json) console.log(JSON.stringify(results, null, 2));
if (values.write) await write(results);

/** The guard against a slower converter: needs no server, and compares with what the same engine does to the same rows at the same time. */
async function checkConverter(): Promise<BenchResults> {
  const measured = benchConverter(Math.max(rounds, 3));
  print(renderConverter(measured));
  const slower = measured.filter(({ table, ratio }) => ratio < COMMITTED_RATIOS[table]);
  if (slower.length > 0) {
    console.error(`slower than committed: ${slower.map(({ table }) => table).join(', ')}`);
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
  const run = async (group: BenchGroup): Promise<void> => {
    if (!new RegExp(values.only, 'i').test(group.title)) return;
    const result = await runGroup(group, rounds, (name, { wallS, rows }) =>
      print(`  ${name}: ${wallS.toFixed(2)} s, ${Math.round(rows / wallS).toLocaleString('en')} rows/s`),
    );
    print(renderGroup(result));
    groups.push(result);
  };
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
  return { limits: { about: await facts(), groups } };
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
    versions: `Node ${process.versions.node}, PostgreSQL ${MAJOR} on the same machine over loopback without TLS, ${stdout.trim()}`,
    folderMbPerS: await folderSpeed(),
    load: loadavg()
      .map((load) => load.toFixed(1))
      .join(', '),
  };
}

/** Adds what was measured now to what was measured before: each part is a run of its own. */
async function write(measured: BenchResults): Promise<void> {
  const kept = JSON.parse(await readFile(KEPT, 'utf8').catch(() => '{}')) as BenchResults;
  const all: BenchResults = { ...kept, ...measured };
  await writeFile(KEPT, JSON.stringify(all));
  await writeFile(join(import.meta.dirname, 'RESULTS.md'), renderResults(all));
  if (all.growth !== undefined) await writeFile(join(import.meta.dirname, 'growth.svg'), growthPlot(all.growth.result));
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} ${text} is no number above 0`);
  return value;
}
