import { Signer } from '@aws-sdk/rds-signer';
import { ReplicationError } from './engine/model/errors.ts';

/** Whom a token is for, as RDS knows it: its own endpoint, also where a tunnel leads there. */
export interface IamLogin {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/**
 * Makes tokens that RDS and Aurora take as passwords, each valid for 15 minutes for logging in
 * (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html). They are signed here; nothing is asked of AWS but, where
 * needed, credentials, which are kept until a quarter of an hour before they expire. Each call throws `iam-region-unknown` or `iam-token-failed`.
 */
export function iamTokens(
  { host, port, user }: IamLogin,
  env: Readonly<Record<string, string | undefined>>,
): () => Promise<string> {
  const region = regionOfHost(host) ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'];
  const signer = new Signer({ hostname: host, port, username: user, ...(region === undefined ? {} : { region }) });
  return async () => {
    try {
      return await signer.getAuthToken();
    } catch (error) {
      // Only then does the SDK look into the profile, and says this where that has none either.
      if (region === undefined && error instanceof Error && /region/i.test(error.message))
        throw new ReplicationError('iam-region-unknown', { host }, { cause: error });
      const reason = error instanceof Error ? error.name : 'an unknown error';
      throw new ReplicationError('iam-token-failed', { user, host, reason }, { cause: error });
    }
  };
}

/** The region in an endpoint of RDS: `name.id.eu-west-1.rds.amazonaws.com`, in China `name.id.rds.cn-north-1.amazonaws.com.cn`. */
export function regionOfHost(host: string): string | undefined {
  const match = /\.(?:([a-z0-9-]+)\.rds|rds\.([a-z0-9-]+))\.amazonaws\.com(?:\.cn)?\.?$/i.exec(host);
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}
