/** Work that was begun and goes on beside other work. Disposing of it aborts it, and waits until it has ended. */
export interface Background<T> extends AsyncDisposable {
  /** Rejections that nobody awaits are no failure of the process. */
  readonly result: Promise<T>;
}

/** Begins `work` with a signal that is aborted with `signal`, and when the returned object is disposed of. */
export function inBackground<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Background<T> {
  const ending = new AbortController();
  const result = work(AbortSignal.any([signal, ending.signal]));
  const settled = result.then(
    () => undefined,
    () => undefined,
  );
  return {
    result,
    [Symbol.asyncDispose]: async () => {
      ending.abort(new Error('no longer wanted'));
      await settled;
    },
  };
}
