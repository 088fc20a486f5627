import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';

/** Room that is taken wherever nothing is known, or where it is memory. */
const LEAST_BYTES = 256 * 1024 * 1024;
/** A transaction beyond it is read again without streaming: what was spooled until then was read for nothing, so there is an end to it. */
const MOST_BYTES = 2 * 1024 * 1024 * 1024;
/** TMPFS_MAGIC of linux/magic.h: a temporary folder that lies in memory. */
const TMPFS = 0x0102_1994;

/**
 * Bytes of streamed transactions that may lie in the system's temporary folder: half of what is free there, between 256 MiB and 2 GiB. In Lambda that is half of its ephemeral
 * storage. A transaction with more is decoded by the server as a whole, on its disk, before it is sent.
 */
export function spoolRoom(folder: string = tmpdir()): number {
  try {
    const { type, bavail, bsize } = statfsSync(folder);
    if (type === TMPFS) return LEAST_BYTES;
    return Math.min(Math.max(Math.floor((bavail * bsize) / 2), LEAST_BYTES), MOST_BYTES);
  } catch {
    return LEAST_BYTES;
  }
}
