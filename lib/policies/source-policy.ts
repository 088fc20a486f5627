import { ArnFormat, Stack } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { ConnectionConfig } from '../../functions/engine/config/config.ts';

export interface SourcePolicyOptions {
  readonly connection: ConnectionConfig;
  /** Keys that its secrets are encrypted with. */
  readonly secretKeyArns: readonly string[];
  /** `db-...`, `cluster-...` or `prx-...`. */
  readonly databaseResourceId?: string | undefined;
}

/** What logging in to a source takes: its secrets, and a token for its user; undefined if it takes nothing. */
export function sourcePolicy(scope: Construct, options: SourcePolicyOptions): PolicyDocument | undefined {
  const { connection, secretKeyArns, databaseResourceId } = options;
  const secrets = secretIds(connection).map((id) => secretArn(scope, id));
  const statements: PolicyStatement[] = [];
  if (secrets.length > 0) {
    statements.push(new PolicyStatement({ sid: 'ReadSecrets', actions: ['secretsmanager:GetSecretValue'], resources: secrets }));
    if (secretKeyArns.length > 0) {
      const service = `secretsmanager.${Stack.of(scope).region}.${Stack.of(scope).urlSuffix}`;
      const conditions = { StringEquals: { 'kms:ViaService': service } };
      statements.push(
        new PolicyStatement({ sid: 'DecryptSecrets', actions: ['kms:Decrypt'], resources: [...secretKeyArns], conditions }),
      );
    }
  }
  if (connection.auth.kind === 'iam') {
    const user = Stack.of(scope).formatArn({
      service: 'rds-db',
      resource: 'dbuser',
      resourceName: `${databaseResourceId ?? '*'}/${connection.user}`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    statements.push(new PolicyStatement({ sid: 'LogIn', actions: ['rds-db:connect'], resources: [user] }));
  }
  return statements.length === 0 ? undefined : new PolicyDocument({ statements });
}

/** Names and ARNs of the secrets that a connection takes, each once. */
export function secretIds({ auth, ssl, ssh }: ConnectionConfig): readonly string[] {
  const password = auth.kind === 'password' ? auth.password : undefined;
  const references = [password, ssl.ca, ssl.cert, ssl.key, ssh?.privateKey, ssh?.passphrase];
  return [...new Set(references.flatMap((reference) => (reference?.kind === 'secret' ? [reference.id] : [])))];
}

/** Secrets Manager ends each ARN with a hyphen and six characters that a name does not tell. */
function secretArn(scope: Construct, id: string): string {
  if (/-[A-Za-z0-9]{6}$/.test(id) && id.startsWith('arn:')) return id;
  if (id.startsWith('arn:')) return `${id}-??????`;
  return Stack.of(scope).formatArn({
    service: 'secretsmanager',
    resource: 'secret',
    resourceName: `${id}-??????`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}
