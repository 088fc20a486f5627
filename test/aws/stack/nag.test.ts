import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IPolicyValidationContext, IPolicyValidationPlugin, PolicyValidationPluginReport } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { afterAll, describe, expect, test } from 'vitest';
import { FULL } from './configurations.ts';
import { synthesize } from './synth.ts';

/** What AwsSolutions finds and why it stays: rule, and part of the place where it is found. */
const EXCEPTIONS: readonly { readonly rule: string; readonly place: RegExp; readonly reason: string }[] = [
  {
    rule: 'AwsSolutions-IAM5',
    place: /\/(Plan|Work|Report|Watch)\/Role\//,
    reason:
      "Wildcards are: keys of objects below the integration's own prefix; the six characters that Secrets Manager ends an ARN with; what EC2 takes no resource for when Lambda makes a network interface, denied to code.",
  },
  {
    rule: 'AwsSolutions-IAM5',
    place: /\/StateMachine\/Role\/DefaultPolicy\//,
    reason: 'Versions of the functions of this integration, and log delivery and X-Ray, which take no resource.',
  },
  {
    rule: 'AwsSolutions-IAM5',
    place: /\/SchedulerRoleForTarget/,
    reason: 'Versions of the watchdog of this integration.',
  },
  {
    rule: 'AwsSolutions-SQS3',
    place: /\/DeadLetters\//,
    reason: 'It is the dead-letter queue of schedules and of a rule, which this check does not know.',
  },
  {
    rule: 'AwsSolutions-SF1',
    place: /\/StateMachine\//,
    reason: 'The history of a Standard execution holds every event for 90 days; the log is for what failed.',
  },
  {
    rule: 'AwsSolutions-SF2',
    place: /\/StateMachine\//,
    reason: 'X-Ray is a setting (aws.tracing), off by default because it costs.',
  },
  {
    rule: 'AwsSolutions-S1',
    place: /\/Bucket\//,
    reason:
      'Who reads the data is for the owner of the account to log, with CloudTrail or a bucket for access logs that this stack does not know.',
  },
  {
    rule: 'AwsSolutions-VPC7',
    place: /\/Network\/Vpc\//,
    reason: 'The VPC has no way in or out but endpoints; flow logs are for the owner of the account to decide, and cost.',
  },
];

const folder = mkdtempSync(join(tmpdir(), 'backstitch-nag-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Keeps what a plugin finds, and lets the synthesis pass. */
class Collector implements IPolicyValidationPlugin {
  readonly name = 'collector';
  readonly found: string[] = [];
  readonly #plugin: IPolicyValidationPlugin;

  constructor(plugin: IPolicyValidationPlugin) {
    this.#plugin = plugin;
  }

  validate(context: IPolicyValidationContext): PolicyValidationPluginReport {
    const { violations } = this.#plugin.validate(context);
    for (const { ruleName, violatingResources, violatingConstructs } of violations as readonly Finding[])
      for (const place of [...(violatingConstructs ?? []), ...(violatingResources ?? [])])
        this.found.push(`${ruleName} ${place.constructPath ?? place.resourceLogicalId ?? ''}`);
    return { success: true, violations: [] };
  }
}

interface Finding {
  readonly ruleName: string;
  readonly violatingResources?: readonly Place[];
  readonly violatingConstructs?: readonly Place[];
}

interface Place {
  readonly constructPath?: string;
  readonly resourceLogicalId?: string;
}

describe('cdk-nag (AwsSolutions)', () => {
  const used = new Set<string>();

  test.each(Object.entries(FULL))('finds nothing in %s but what has a reason', async (name, yaml) => {
    const collector = new Collector(new AwsSolutionsChecks());

    await synthesize(yaml, { outdir: join(folder, name), code: 'stub', plugins: [collector] });

    expect(collector.found.length).toBeGreaterThan(5);
    const unexplained = collector.found.filter((finding) => {
      const exception = EXCEPTIONS.find(({ rule, place }) => finding.startsWith(rule) && place.test(finding));
      if (exception !== undefined) used.add(exception.reason);
      return exception === undefined;
    });
    expect(unexplained).toEqual([]);
  });

  test('every reason is still needed', () => {
    expect(EXCEPTIONS.map(({ reason }) => reason).filter((reason) => !used.has(reason))).toEqual([]);
  });
});
