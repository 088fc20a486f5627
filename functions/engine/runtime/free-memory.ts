import { MessageChannel } from 'node:worker_threads';

const nowhere = closedPort();

/**
 * Frees memory at once; every Buffer on it has no bytes afterwards. Only for its owner, once nobody can read it any more. The garbage collector sees little of what is outside
 * of its heap, and would keep tens of megabytes of it; and what is freed is used again while it is still in the processor's cache.
 */
export function freeMemory(memory: ArrayBufferLike): void {
  if (!(memory instanceof ArrayBuffer)) return;
  try {
    nowhere.postMessage(undefined, [memory]);
  } catch {
    // Memory that Node shares among small buffers, or was freed before: nothing depends on it.
  }
}

/**
 * A port that has nobody behind it: memory that is transferred is detached from here at once, and dropped there.
 * https://nodejs.org/api/worker_threads.html#portpostmessagevalue-transferlist
 */
function closedPort(): MessageChannel['port1'] {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.unref();
  return port1;
}
