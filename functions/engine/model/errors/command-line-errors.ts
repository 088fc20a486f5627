import type { ErrorSpec } from './error-spec.ts';

/** Errors of the command line and the demo. In the order of a job. */
export const COMMAND_LINE_ERRORS = {
  usage: {
    summary: '{problem}',
    remedy: 'Run: {help}',
    retry: 'after-fix',
  },
  'integration-not-named': {
    summary: '{file} has more than one integration: {known}.',
    remedy: 'Name the one that is meant with --integration.',
    retry: 'after-fix',
  },
  'execution-not-started': {
    summary: 'The state machine {name} was not started: {reason}.',
    remedy:
      'Use credentials and the region that the stack is deployed with (AWS_PROFILE, AWS_REGION), which may list state machines and start this one; deploy first: npx cdk deploy.',
    retry: 'after-fix',
  },
  'confirmation-needed': {
    summary: '{what} needs a confirmation, and there is no terminal to ask on.',
    remedy: 'Give --yes if that is what you want.',
    retry: 'after-fix',
  },
  'file-unwritable': {
    summary: 'The file {file} cannot be written: {reason}.',
    remedy: 'Name another file, or make its folder writable.',
    retry: 'after-fix',
  },
  'secret-exists': {
    summary: 'There is a key already: {where}.',
    remedy: 'Name another place, or remove it yourself if nothing uses it: a key is never overwritten.',
    retry: 'after-fix',
  },
  'secret-unwritable': {
    summary: 'The secret {secret} cannot be written ({reason}).',
    remedy: 'Grant secretsmanager:DescribeSecret, CreateSecret and PutSecretValue on it, and set AWS_REGION.',
    retry: 'after-fix',
  },
  'demo-unavailable': {
    summary: 'The PostgreSQL of the demo cannot be started: {reason}.',
    remedy:
      'Run: npm install --include=optional; or show your own database: backstitch demo --source postgres://user@host:port/database',
    retry: 'after-fix',
  },
  'demo-folder-taken': {
    summary: 'The folder {folder} holds something else than an earlier demo.',
    remedy: 'Name an empty or new folder with --directory.',
    retry: 'after-fix',
  },
  'demo-source-invalid': {
    summary: 'The address under --source cannot be used: {reason}.',
    remedy: 'Write it as postgres://user:password@host:port/database; characters such as @ and / in a password as %40 and %2F.',
    retry: 'after-fix',
  },
  unexpected: {
    summary: 'Something unexpected happened ({what}).',
    remedy: 'The log of the job has the details; please report this as a defect.',
    retry: 'next-run',
  },
} as const satisfies Record<string, ErrorSpec>;
