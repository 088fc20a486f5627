import { ArnFormat, Stack } from 'aws-cdk-lib';
import { Effect, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';

/** Writing to one's own log group. */
export function logPolicy(logGroup: ILogGroup): PolicyDocument {
  const resources = [logGroup.logGroupArn];
  return new PolicyDocument({
    statements: [new PolicyStatement({ sid: 'OwnLog', actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources })],
  });
}

const INTERFACE_ACTIONS = [
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
];
const DESCRIBE_ACTIONS = ['ec2:DescribeNetworkInterfaces', 'ec2:DescribeSubnets'];

/**
 * What Lambda does with a function's role to put it into a VPC, and what the function's code may not do with the same role: requests of code name their function.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
 */
export function networkPolicy(scope: Construct): PolicyDocument {
  const anyInterface = Stack.of(scope).formatArn({
    service: 'ec2',
    resource: '*',
    resourceName: '*',
    arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
  });
  return new PolicyDocument({
    statements: [
      new PolicyStatement({ sid: 'Interfaces', actions: INTERFACE_ACTIONS, resources: [anyInterface] }),
      // EC2 takes no resource for these.
      new PolicyStatement({ sid: 'LookAtInterfaces', actions: DESCRIBE_ACTIONS, resources: ['*'] }),
      new PolicyStatement({
        sid: 'NotFromCode',
        effect: Effect.DENY,
        actions: [...INTERFACE_ACTIONS, ...DESCRIBE_ACTIONS],
        resources: ['*'],
        conditions: { Null: { 'lambda:SourceFunctionArn': 'false' } },
      }),
    ],
  });
}
