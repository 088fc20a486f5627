import { readdir, readFile, readlink } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const DEADLINE_MS = 5_000;
/** Handles of libuv that stand for something opened; timers and one-shot requests come and go with the test runner itself. */
const HANDLES = ['TCPSocketWrap', 'TCPServerWrap', 'PipeWrap', 'ProcessWrap', 'TLSWrap', 'FSEventWrap', 'ZLIB', 'MessagePort'];

/** What this process holds open, as text: handles, child processes and, on Linux, files. */
export interface Holdings {
  readonly handles: readonly string[];
  /** Process ids of children. Empty where the system does not tell. */
  readonly children: readonly string[];
  /** Targets of the file descriptors. Empty where the system does not tell. */
  readonly files: readonly string[];
}

/**
 * Remembers what is open now; disposing it throws if more is open then, after a few seconds of patience since handles close a moment after they were told to.
 * Declare it first: `await using _ = await noLeaks();`
 */
export async function noLeaks(): Promise<AsyncDisposable> {
  const before = await holdings();
  return {
    [Symbol.asyncDispose]: async () => {
      const deadline = Date.now() + DEADLINE_MS;
      for (;;) {
        const leaked = difference(before, await holdings());
        if (leaked.length === 0) return;
        if (Date.now() > deadline) throw new Error(`Left open: ${leaked.join(', ')}`);
        await delay(20);
      }
    },
  };
}

/** Looks at what is open in this process. */
export async function holdings(): Promise<Holdings> {
  const handles = process.getActiveResourcesInfo().filter((name) => HANDLES.includes(name));
  const tasks = await readdir('/proc/self/task').catch(() => []);
  const children = await Promise.all(tasks.map((task) => readFile(`/proc/self/task/${task}/children`, 'utf8').catch(() => '')));
  const descriptors = await readdir('/proc/self/fd').catch(() => []);
  const targets = await Promise.all(descriptors.map((descriptor) => readlink(`/proc/self/fd/${descriptor}`).catch(() => '')));
  return {
    handles,
    children: children.flatMap((line) => line.split(' ').filter((pid) => pid !== '')),
    // Sockets are told by their handles; the look itself opens the folder in /proc.
    files: targets
      .filter((target) => target.startsWith('/') && !/^\/(proc|dev|sys)\//.test(target))
      .map((target) => target.replace(/ \(deleted\)$/, '')),
  };
}

function difference(before: Holdings, now: Holdings): readonly string[] {
  return (['handles', 'children', 'files'] as const).flatMap((kind) => {
    const rest = [...before[kind]];
    return now[kind]
      .filter((entry) => {
        const at = rest.indexOf(entry);
        if (at >= 0) rest.splice(at, 1);
        return at < 0;
      })
      .map((entry) => `${kind}: ${entry}`);
  });
}
