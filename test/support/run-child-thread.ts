// A thread of the job of `run-child.ts`: dies, with its process, where its order says.
import { parentPort, workerData } from 'node:worker_threads';
import { setFailpoints } from '../../functions/engine/runtime/failpoints.ts';
import type { ThreadStart } from '../../functions/threads/messages.ts';
import { workInThread } from '../../functions/threads/work-in-thread.ts';
import { CHILD_ORDER } from './child-order.ts';
import type { ChildOrder } from './child-order.ts';

if (parentPort === null) throw new TypeError('this is run in a thread only');
const { fail } = JSON.parse(process.env[CHILD_ORDER] ?? '{}') as ChildOrder;
let hits = 0;
setFailpoints((name) => {
  if (fail?.at !== name) return undefined;
  hits += 1;
  if (hits !== fail.hit) return undefined;
  if (fail.how === 'throw') return Promise.reject(new Error(`failpoint ${name}`));
  process.kill(process.pid, fail.how === 'kill' ? 'SIGKILL' : 'SIGSTOP');
  return new Promise(() => undefined);
});
await workInThread(parentPort, workerData as ThreadStart);
