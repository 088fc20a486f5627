export type LogLevel = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL';

/** Names, counts, positions and codes only: never cell values, secrets or connection strings. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** One event of a job: what its extraction log is made of. */
export interface LogEvent {
  /** ISO 8601 with milliseconds. */
  readonly at: string;
  readonly level: LogLevel;
  /** Stable name of what happened: `job-started`, `range-committed`. */
  readonly event: string;
  readonly fields: LogFields;
}

/** Takes structured events. Never throws, never blocks. */
export interface Logger {
  log(level: LogLevel, event: string, fields?: LogFields): void;
  /** A logger that adds `fields` to every event. */
  with(fields: LogFields): Logger;
}

/** A logger that hands every event to `write`. */
export function createLogger(write: (event: LogEvent) => void, now: () => Date, bound: LogFields = {}): Logger {
  return {
    log: (level, event, fields = {}) => write({ at: now().toISOString(), level, event, fields: { ...bound, ...fields } }),
    with: (fields) => createLogger(write, now, { ...bound, ...fields }),
  };
}

export const silentLogger: Logger = { log: () => undefined, with: () => silentLogger };
