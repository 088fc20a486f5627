import type { ErrorSpec } from './error-spec.ts';

/** Errors of jobs. In the order of a job. */
export const RUNNING_ERRORS = {
  'lease-lost': {
    summary: 'The job {job} lost its lease of "{integration}" to another job.',
    remedy:
      'Nothing to do: the other job goes on from the last checkpoint. If it repeats, look for frozen machines or wrong clocks.',
    retry: 'next-run',
  },
  'fenced-out': {
    summary: 'Another worker took over "{head}"; this one committed nothing more.',
    remedy: 'Nothing to do: the other worker goes on from the last commit.',
    retry: 'next-run',
  },
  'job-running': {
    summary: 'The integration "{integration}" is busy with job {job}.',
    remedy: 'Wait for it (backstitch status), or stop it: backstitch stop --integration {integration}.',
    retry: 'next-run',
  },
  'job-unknown': {
    summary: 'There is no job {job} of "{integration}".',
    remedy: 'List them with: backstitch reports --integration {integration}.',
    retry: 'after-fix',
  },
  'event-invalid': {
    summary:
      'The function was invoked with an event that no state machine of Backstitch makes: "{field}" is missing or not what it must be.',
    remedy: 'Start jobs through the state machine (or backstitch run --aws), and let nobody else invoke the functions.',
    retry: 'never',
  },
  'stream-unknown': {
    summary: '"{stream}" is no stream of "{integration}" that was ever replicated{hint}.',
    remedy: 'List the streams with: backstitch status --integration {integration}.',
    retry: 'after-fix',
  },
  'not-available-here': {
    summary: '{what} is not available in this release.',
    remedy: '{instead}',
    retry: 'after-fix',
  },
  'job-died': {
    summary: 'The job {job} of "{integration}" ended without a word: it was killed, ran out of memory, or its machine went away.',
    remedy:
      'Nothing to do: the next run goes on from its last commit and writes its report. If it repeats, look into the logs of the machine.',
    retry: 'next-run',
  },
  'worker-died': {
    summary: 'A worker of the job {job} ended without a word: its machine went away, or it ran out of memory or time.',
    remedy:
      'Nothing to do: the next run goes on from its last commit. If it repeats, give the function, or the machine, more memory, and look into its log.',
    retry: 'next-run',
  },
  'plan-too-long': {
    summary: 'Looking at the structure of the databases took longer than the {minutes} minutes that a function may run.',
    remedy: 'Give the function more memory and time, or fewer databases (connection.databases) to each integration.',
    retry: 'after-fix',
  },
  'handover-missing': {
    summary: 'The plan of the job {job} cannot be read from {where}: {reason}.',
    remedy: 'Nothing to do: the next run makes a new plan. If it repeats, see that nothing else removes objects there.',
    retry: 'next-run',
  },
  'unit-too-long': {
    summary:
      'Reading "{stream}" takes longer than the {minutes} minutes that a function may run, and it cannot be read in parts.',
    remedy:
      'Select a table in place of the view, materialize it in smaller parts, or load it from a machine without that limit: backstitch run.',
    retry: 'after-fix',
  },
  'no-job-yet': {
    summary: 'The integration "{integration}" has not run yet.',
    remedy: 'Run it: backstitch run --integration {integration}.',
    retry: 'after-fix',
  },
} as const satisfies Record<string, ErrorSpec>;
