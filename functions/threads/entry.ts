// What a thread of a job runs.
import { parentPort, workerData } from 'node:worker_threads';
import type { ThreadStart } from './messages.ts';
import { workInThread } from './work-in-thread.ts';

if (parentPort === null) throw new TypeError('this is run in a thread only');
await workInThread(parentPort, workerData as ThreadStart);
