import { Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import type { ISecurityGroup, IVpc } from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';

const HTTPS = Port.tcp(443);

/**
 * A security group that lets nothing in, and out only what functions take: HTTPS for S3, DynamoDB and secrets (their addresses are known to AWS alone), and the source's port: to
 * `database` where that is known, which then lets them in, else anywhere.
 */
export function openSourceSecurityGroup(
  scope: Construct,
  id: string,
  source: { readonly host: { readonly port: number }; readonly vpc: IVpc },
  database?: ISecurityGroup,
): ISecurityGroup {
  const group = new SecurityGroup(scope, id, {
    vpc: source.vpc,
    description: 'Functions of a Backstitch integration',
    allowAllOutbound: false,
  });
  group.addEgressRule(Peer.anyIpv4(), HTTPS, 'S3, DynamoDB, Secrets Manager');
  const port = Port.tcp(source.host.port);
  if (database === undefined) group.addEgressRule(Peer.anyIpv4(), port, 'PostgreSQL, or the SSH server in front of it');
  else database.connections.allowFrom(group, port, 'Backstitch');
  return group;
}
