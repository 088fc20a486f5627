// A PostgreSQL whose COPYs come from memory, in a process of its own: node replay-child.mjs <host> <port> of the server behind it. Ends with its channel to its parent.
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { resourceUsage } from 'node:process';
import { serve } from './replay-session.ts';
import type { Replay } from './replay-session.ts';

/** What the parent asks for; it is answered with {@link ReplayFacts}. */
export interface ReplayRequest {
  /** From now on; see {@link Replay}. @default as before */
  readonly mbPerS?: number;
}

/** What the process has done since it was started. */
export interface ReplayFacts {
  readonly port: number;
  readonly cpuS: number;
  /** Statements that are known, and what their answers come to. */
  readonly recorded: number;
  readonly recordedMb: number;
  readonly replayed: number;
}

const [host = '', serverPort = ''] = process.argv.slice(2);
const replay: Replay = { server: { host, port: Number(serverPort) }, answers: new Map(), mbPerS: 0, replayed: 0 };
const listener = createServer({ noDelay: true }, (client) => void serve(client, replay));
listener.listen(0, '127.0.0.1');
await once(listener, 'listening');
const { port } = listener.address() as AddressInfo;
process.on('message', ({ mbPerS }: ReplayRequest) => {
  replay.mbPerS = mbPerS ?? replay.mbPerS;
  process.send?.(facts());
});
process.once('disconnect', () => process.exit(0));
process.send?.(facts());

function facts(): ReplayFacts {
  const { userCPUTime, systemCPUTime } = resourceUsage();
  const bytes = [...replay.answers.values()].reduce((sum, answer) => sum + answer.length, 0);
  const { answers, replayed } = replay;
  return { port, cpuS: (userCPUTime + systemCPUTime) / 1e6, recorded: answers.size, recordedMb: bytes / 1e6, replayed };
}
