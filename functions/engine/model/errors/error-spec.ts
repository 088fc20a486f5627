/** Whether trying again can help: at the next run by itself, only after the remedy, or never. */
export type Retry = 'next-run' | 'after-fix' | 'never';

export interface ErrorSpec {
  /** What and where; `{names}` are filled in. */
  readonly summary: string;
  /** One thing to do: a command, a setting, the SQL to run. */
  readonly remedy: string;
  readonly retry: Retry;
}
