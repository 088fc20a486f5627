import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Since Node 22: moves memory into another ArrayBuffer; of no bytes, that frees it at once. Not in the types of Node 20. */
const transfer: unknown = Reflect.get(ArrayBuffer.prototype, 'transfer');

/**
 * Frees a chunk that `stream` has read and nobody reads any more; afterwards it has no bytes. The garbage collector, which sees little of such memory, would keep tens of megabytes
 * of it. Only for chunks of TCP and TLS sockets, which have their memory for themselves: those of a tunnel may share it.
 */
export function freeChunk(stream: Duplex | undefined, { buffer, byteLength }: Buffer): void {
  if (typeof transfer === 'function' && stream instanceof Socket && byteLength === buffer.byteLength) {
    Reflect.apply(transfer, buffer, [0]);
  }
}
