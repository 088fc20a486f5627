// The process that runs the jobs of a soak, one after the other, and nothing else: what it holds is what jobs hold.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openLocal } from '../functions/local.ts';
import { holdings } from '../test/support/leaks.ts';

/** What it is asked. */
export type SoakQuestion = { readonly kind: 'run'; readonly configPath: string } | { readonly kind: 'measure' };

/** What it answers, in the order of the questions. */
export type SoakAnswer =
  | { readonly kind: 'job'; readonly state: string; readonly code: string; readonly rows: number }
  | { readonly kind: 'holds'; readonly rssMB: number; readonly heapMB: number; readonly handles: number };

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const never = new AbortController().signal;

process.on('message', (question: SoakQuestion) => {
  const answering = question.kind === 'run' ? runJob(question.configPath) : measure();
  // An error here ends the process, and the soak with it.
  void answering.then((answer) => process.send?.(answer));
});

async function runJob(configPath: string): Promise<SoakAnswer> {
  await using workspace = await openLocal({ configPath, env: process.env });
  const outcome = await workspace.run('shop', { trigger: 'manual', progress: () => undefined, stop: never, abort: never });
  if (outcome.state !== 'finished') return { kind: 'job', state: outcome.state, code: '', rows: 0 };
  const { state, error, tables } = outcome.report;
  const code = error?.code ?? tables.find((table) => table.error !== null)?.error?.code ?? '';
  return { kind: 'job', state, code, rows: tables.reduce((sum, table) => sum + table.rows, 0) };
}

async function measure(): Promise<SoakAnswer> {
  collect();
  const { handles, files } = await holdings();
  const { rss, heapUsed } = process.memoryUsage();
  return {
    kind: 'holds',
    rssMB: Math.round(rss / 1e6),
    heapMB: Math.round(heapUsed / 1e6),
    handles: handles.length + files.length,
  };
}
