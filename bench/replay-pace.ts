import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** About what a server hands to its socket at a time, and what our client reads at a time. */
const CHUNK_BYTES = 64 * 1024;
/** How much of a delay that was not the receiver's may be made up for: timers and processes are late on a busy machine. */
const CATCH_UP_MS = 50;
/** Timers are no finer. */
const LEAST_DELAY_MS = 1;

/**
 * Sends `bytes` at a pace of `mbPerS` (10^6 bytes), or with 0 as fast as the socket takes them; time in which the receiver took nothing is lost, as it is for a server that could
 * not go on. Ends early where the receiver is gone.
 */
export async function sendPaced(socket: Socket, bytes: Buffer, mbPerS: number): Promise<void> {
  const bytesPerMs = mbPerS * 1_000;
  let dueAt = performance.now();
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const chunk = bytes.subarray(at, at + CHUNK_BYTES);
    if (bytesPerMs > 0) {
      dueAt = Math.max(dueAt, performance.now() - CATCH_UP_MS) + chunk.length / bytesPerMs;
      const early = dueAt - performance.now();
      if (early >= LEAST_DELAY_MS) await delay(early);
    }
    if (!(await isTaken(socket, chunk))) return;
  }
}

/** Resolves when the system has taken all of it: then there is room for more. */
function isTaken(socket: Socket, chunk: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    socket.write(chunk, (error) => resolve(error === null || error === undefined));
  });
}
