import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';

export interface AlarmTopicProps {
  /** Address that alarms are sent to; AWS asks it for confirmation. @default - nobody is subscribed */
  readonly email?: string;
  /** Key for messages; its policy must let CloudWatch use it, which is done here for a key of the same app. @default - not encrypted beyond what SNS does */
  readonly encryptionKey?: IKey;
}

/** Where alarms go: published to by TLS only. */
export class AlarmTopic extends Topic {
  constructor(scope: Construct, id: string, { email, encryptionKey }: AlarmTopicProps = {}) {
    super(scope, id, {
      displayName: 'Backstitch alarms',
      enforceSSL: true,
      ...(encryptionKey === undefined ? {} : { masterKey: encryptionKey }),
    });
    // CloudWatch cannot publish to a topic whose key it may not use: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    encryptionKey?.grantEncryptDecrypt(new ServicePrincipal('cloudwatch.amazonaws.com'));
    if (email !== undefined) this.addSubscription(new EmailSubscription(email));
  }
}
