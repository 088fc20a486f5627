/**
 * List prices in US dollars, before free tiers, discounts and taxes. Set by hand at `date` to the list prices as published; never fetched or compared by a program since. Compare them, and
 * set `date` anew, with the pages on which AWS publishes them:
 * aws.amazon.com/lambda/pricing, /step-functions/pricing, /dynamodb/pricing/on-demand, /s3/pricing, /eventbridge/pricing, /cloudwatch/pricing,
 * /privatelink/pricing, /kms/pricing and /secrets-manager/pricing. Other regions differ by some tenths.
 */
export const PRICES = {
  region: 'us-east-1',
  /** Year and month in which the figures were last set. */
  date: '2026-11',
  lambda: {
    /** arm64, first tier; memory in 2^30 bytes. */
    gbSecond: 0.0000133334,
    request: 0.2 / 1e6,
  },
  stepFunctions: {
    /** Standard workflows. */
    transition: 0.025 / 1e3,
  },
  dynamodb: {
    /** On demand, standard table class. */
    readUnit: 0.125 / 1e6,
    writeUnit: 0.625 / 1e6,
  },
  s3: {
    /** PUT, COPY, POST, LIST. */
    put: 0.005 / 1e3,
    /** GET, SELECT and all others that are not free. */
    get: 0.0004 / 1e3,
    /** Standard, first 50 TB; per 2^30 bytes. */
    gbMonth: 0.023,
  },
  eventBridge: {
    /** A custom event of up to 64 KiB: all of a job's are smaller. */
    event: 1 / 1e6,
  },
  scheduler: {
    /** EventBridge Scheduler. */
    invocation: 1 / 1e6,
  },
  cloudwatch: {
    /** Standard resolution, per metric of the alarm. */
    alarmMonth: 0.1,
    dashboardMonth: 3,
    /** Custom metrics, first tier. */
    metricMonth: 0.3,
  },
  privateLink: {
    /** An interface endpoint in one availability zone. */
    endpointHour: 0.01,
  },
  kms: {
    /** A customer managed key. */
    keyMonth: 1,
  },
  secretsManager: {
    secretMonth: 0.4,
  },
} as const;

/** Hours of a month, as AWS counts. */
export const HOURS_PER_MONTH = 730;
