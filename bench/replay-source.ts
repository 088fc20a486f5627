import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { bundled } from './engine-run.ts';
import type { ReplayFacts, ReplayRequest } from './replay-child.ts';
import type { BenchServer } from './server.ts';

export type { ReplayFacts } from './replay-child.ts';

/** A server in front of the benchmark's, which answers each COPY that it has seen before from memory. */
export interface ReplayingSource extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** From now on a session gets answers from memory at this pace, in 10^6 bytes per second; 0: as fast as it takes them. */
  pace(mbPerS: number): Promise<ReplayFacts>;
  facts(): Promise<ReplayFacts>;
}

/** Starts it in a process of its own. Disposing of it ends that. */
export async function startReplayingSource(server: Pick<BenchServer, 'host' | 'port'>): Promise<ReplayingSource> {
  const child = spawn(process.execPath, [await bundled('bench/replay-child.ts'), server.host, String(server.port)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const answer = async (): Promise<ReplayFacts> => {
    const ended = new AbortController();
    const onExit = (): void => ended.abort(new Error('the replaying source is gone'));
    child.once('exit', onExit);
    try {
      const [facts] = (await once(child, 'message', { signal: ended.signal })) as [ReplayFacts];
      return facts;
    } finally {
      child.off('exit', onExit);
    }
  };
  const ask = (request: ReplayRequest): Promise<ReplayFacts> => {
    const answered = answer();
    child.send(request);
    return answered;
  };
  const { port } = await answer();
  return {
    host: '127.0.0.1',
    port,
    pace: (mbPerS) => ask({ mbPerS }),
    facts: () => ask({}),
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}
