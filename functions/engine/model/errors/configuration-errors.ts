import type { ErrorSpec } from './error-spec.ts';

/** Errors of the configuration file and its secrets. In the order of a job. */
export const CONFIGURATION_ERRORS = {
  'config-unreadable': {
    summary: 'The configuration file {file} cannot be read: {reason}.',
    remedy: 'Give its path with --config, or create it: see "First real run" in README.md.',
    retry: 'after-fix',
  },
  'config-invalid': {
    summary: '{file} has {count} error(s):\n{problems}',
    remedy: 'Correct the lines named above; editors complete the file with schema/backstitch.schema.json.',
    retry: 'after-fix',
  },
  'integration-unknown': {
    summary: 'There is no integration "{integration}" in {file}; it has {known}.',
    remedy: 'Name one of these with --integration.',
    retry: 'after-fix',
  },
  'secret-missing': {
    summary: 'The secret that {where} refers to cannot be read: {reason}.',
    remedy: 'Set the environment variable, create the file, or create the secret that is named there.',
    retry: 'after-fix',
  },
  'secret-not-for-aws': {
    summary: '{where} cannot be used in AWS: {reason}.',
    remedy:
      'Keep it in AWS Secrets Manager, and name it with secret: in place of what stands there. Amazon RDS needs no password with auth: iam.',
    retry: 'after-fix',
  },
  'packed-config-unreadable': {
    summary: 'The configuration in {folder} that was deployed with the function cannot be read: {reason}.',
    remedy: 'Deploy the stack again: cdk deploy.',
    retry: 'after-fix',
  },
  'place-not-for-aws': {
    summary: '{what} {url} is a folder, which a function in AWS cannot keep.',
    remedy: 'Set an s3:// destination and a dynamodb:// state, or leave both to the stack.',
    retry: 'after-fix',
  },
} as const satisfies Record<string, ErrorSpec>;
