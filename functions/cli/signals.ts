import { EXIT } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';

export type EndSignal = 'SIGINT' | 'SIGTERM';

/** Where signals come from: `process`. */
export interface SignalSource {
  on(signal: EndSignal, listener: () => void): unknown;
  off(signal: EndSignal, listener: () => void): unknown;
}

/** What the user asked of a running command by Ctrl-C or SIGTERM. */
export interface Interruption extends Disposable {
  /** Asks for a checkpoint and an end. */
  readonly stop: AbortSignal;
  /** Drops work at once. */
  readonly abort: AbortSignal;
  /** The exit code that a received signal asks for. */
  readonly exitCode: ExitCode | undefined;
}

export interface InterruptionOptions {
  /** `checkpoint`: the first signal asks for an end, the second aborts; `at-once`: the first one aborts. */
  readonly first: 'checkpoint' | 'at-once';
  readonly now: () => number;
  /** Tells the user what the first signal did. */
  readonly onStop?: () => void;
}

/** npm and some shells pass on a Ctrl-C that the terminal already sent to the whole group. */
const SAME_KEYSTROKE_MS = 300;

/** Listens until disposed of. After the abort the listeners are gone: one more signal ends the process the hard way. */
export function watchSignals(source: SignalSource, { first, now, onStop }: InterruptionOptions): Interruption {
  const stop = new AbortController();
  const abort = new AbortController();
  let received: { readonly signal: EndSignal; readonly atMs: number } | undefined;
  const listeners: readonly (readonly [EndSignal, () => void])[] = (['SIGINT', 'SIGTERM'] as const).map((signal) => [
    signal,
    () => receive(signal),
  ]);
  const unlisten = (): void => {
    for (const [signal, listener] of listeners) source.off(signal, listener);
  };
  const receive = (signal: EndSignal): void => {
    const atMs = now();
    if (received !== undefined && atMs - received.atMs < SAME_KEYSTROKE_MS) return;
    const isFirst = received === undefined;
    received = { signal, atMs };
    stop.abort(new DOMException(`Received ${signal}`, 'AbortError'));
    if (isFirst && first === 'checkpoint') {
      onStop?.();
      return;
    }
    abort.abort(new DOMException(`Received ${signal}`, 'AbortError'));
    unlisten();
  };
  for (const [signal, listener] of listeners) source.on(signal, listener);
  return {
    stop: stop.signal,
    abort: abort.signal,
    get exitCode() {
      if (received === undefined) return undefined;
      return received.signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
    },
    [Symbol.dispose]: unlisten,
  };
}
