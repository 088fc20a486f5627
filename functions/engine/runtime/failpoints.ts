import type { Failpoint } from './failpoint-list.ts';

/** Sees each failpoint that the process comes by; the product waits for what it returns. */
export type FailpointHook = (name: Failpoint) => Promise<void> | undefined;

let hook: FailpointHook | undefined;

/** Injects what failpoints do, for the whole process; undefined takes it away. Only tests do: without a hook a failpoint is one comparison. */
export function setFailpoints(next: FailpointHook | undefined): void {
  hook = next;
}

/** Names a moment between two durable steps. Nothing happens here unless a test wants it: then the process may die, freeze or fail at exactly this place. */
export function failpoint(name: Failpoint): Promise<void> | undefined {
  return hook?.(name);
}
