import { Duration } from 'aws-cdk-lib';
import { JitterType } from 'aws-cdk-lib/aws-stepfunctions';
import type { RetryProps } from 'aws-cdk-lib/aws-stepfunctions';

/** Longest wait between two tries of anything. */
const LONGEST_WAIT = Duration.minutes(5);

/**
 * Lambda refused the invocation, or was in trouble itself: the function did not run. Each is worth waiting for.
 * https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception
 */
export const BEFORE_INVOCATION: RetryProps = {
  errors: ['Lambda.TooManyRequestsException', 'Lambda.ServiceException', 'Lambda.AWSLambdaException'],
  interval: Duration.seconds(2),
  maxAttempts: 8,
  backoffRate: 2,
  maxDelay: Duration.seconds(60),
  jitterStrategy: JitterType.FULL,
};

/**
 * The sandbox went away: killed at its limit of time or memory, crashed, or its answer was lost. It may have run, so this is only for what can be done twice.
 * https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
 */
export const SANDBOX_GONE: RetryProps = {
  errors: [
    'Sandbox.Timedout',
    'Lambda.Unknown',
    'Lambda.SdkClientException',
    'Runtime.ExitError',
    'Runtime.Unknown',
    'States.Timeout',
  ],
  interval: Duration.seconds(5),
  maxAttempts: 3,
  backoffRate: 2,
  maxDelay: LONGEST_WAIT,
  jitterStrategy: JitterType.FULL,
};

/** Every error, with longer and longer waits. */
export function whateverFails({ seconds, attempts }: { readonly seconds: number; readonly attempts: number }): RetryProps {
  return {
    errors: ['States.ALL'],
    interval: Duration.seconds(seconds),
    maxAttempts: attempts,
    backoffRate: 2,
    maxDelay: LONGEST_WAIT,
    jitterStrategy: JitterType.FULL,
  };
}
