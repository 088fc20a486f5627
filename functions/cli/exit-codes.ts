import type { ErrorCode } from '../engine/model/errors.ts';
import type { RunOutcome } from './workspace.ts';

/** What every command ends with. Stable: cron jobs and scripts may rely on it. */
export const EXIT = {
  /** Done. Also: nothing was started because the integration is busy or paused. */
  ok: 0,
  /** The job failed, or some of its streams did; or a command met an error of the database, the destination or the state store. */
  failed: 1,
  /** The command line or the configuration is wrong; nothing was started. */
  usage: 2,
  /** The job was asked to stop, and ended at a checkpoint before its end; the next one goes on from there. */
  stopped: 3,
  /** Interrupted by Ctrl-C (SIGINT). */
  interrupted: 130,
  /** Ended by SIGTERM. */
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** In the order in which one outranks another when a command covers several integrations. */
const BY_WEIGHT: readonly ExitCode[] = [EXIT.ok, EXIT.stopped, EXIT.failed, EXIT.usage, EXIT.terminated, EXIT.interrupted];

/** The one exit code of several outcomes. */
export function worst(codes: readonly ExitCode[]): ExitCode {
  return codes.reduce<ExitCode>((a, b) => (BY_WEIGHT.indexOf(b) > BY_WEIGHT.indexOf(a) ? b : a), EXIT.ok);
}

const USAGE_ERRORS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'config-unreadable',
  'config-invalid',
  'integration-unknown',
  'integration-not-named',
  'secret-missing',
  'job-unknown',
  'stream-unknown',
  'not-available-here',
  'confirmation-needed',
  'secret-exists',
  'usage',
]);

/** The exit code of an error that ended a command. */
export function exitCodeOfError(code: ErrorCode): ExitCode {
  return USAGE_ERRORS.has(code) ? EXIT.usage : EXIT.failed;
}

/** The exit code of a run, signals aside. */
export function exitCodeOfRun(outcome: RunOutcome): ExitCode {
  if (outcome.state !== 'finished') return EXIT.ok;
  switch (outcome.report.state) {
    case 'complete':
    case 'skipped':
      return EXIT.ok;
    case 'stopped':
      return EXIT.stopped;
    case 'partial':
    case 'failed':
    // A run never ends in this state; if it says so, it did not end well.
    case 'running':
      return EXIT.failed;
  }
}
