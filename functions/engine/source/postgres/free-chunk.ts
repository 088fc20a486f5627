import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { freeMemory } from '../../runtime/free-memory.ts';

/** Frees a chunk that `stream` has read and nobody reads any more. Only chunks of TCP and TLS sockets have their memory for themselves: those of a tunnel may share it. */
export function freeChunk(stream: Duplex | undefined, { buffer, byteLength }: Buffer): void {
  if (stream instanceof Socket && byteLength === buffer.byteLength) freeMemory(buffer);
}
