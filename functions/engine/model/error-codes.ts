import { COMMAND_LINE_ERRORS } from './errors/command-line-errors.ts';
import { CONFIGURATION_ERRORS } from './errors/configuration-errors.ts';
import { CONNECTION_ERRORS } from './errors/connection-errors.ts';
import { LEDGER_ERRORS } from './errors/ledger-errors.ts';
import { LOG_ERRORS } from './errors/log-errors.ts';
import { READING_ERRORS } from './errors/reading-errors.ts';
import { RUNNING_ERRORS } from './errors/running-errors.ts';
import { SELECTION_ERRORS } from './errors/selection-errors.ts';
import { SINK_ERRORS } from './errors/sink-errors.ts';

export type { Retry } from './errors/error-spec.ts';

/**
 * Every failure that an operator can meet. The code is stable: alarms and scripts may rely on it. By group in errors/.
 */
export const ERRORS = {
  ...CONFIGURATION_ERRORS,
  ...CONNECTION_ERRORS,
  ...SELECTION_ERRORS,
  ...READING_ERRORS,
  ...LOG_ERRORS,
  ...SINK_ERRORS,
  ...LEDGER_ERRORS,
  ...RUNNING_ERRORS,
  ...COMMAND_LINE_ERRORS,
} as const;

export type ErrorCode = keyof typeof ERRORS;
