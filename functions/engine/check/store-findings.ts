import type { DestinationConfig, StateConfig } from '../config/config.ts';
import type { ReplicationError } from '../model/errors.ts';
import type { Finding, Fix } from './finding.ts';

/** Why the destination cannot be used. Pure. */
export function destinationFinding(error: ReplicationError, destination: DestinationConfig): Finding {
  return {
    severity: 'error',
    code: error.code,
    area: 'destination',
    what: error.message,
    where: destination.url,
    why: 'No job can write its objects.',
    fix: destinationFix(error, destination),
  };
}

/**
 * Whether jobs can compress as they are told. Pure. `hasZstd`: whether this Node can. Where objects and state are in AWS, jobs may run there, in functions that can; elsewhere they run on this machine.
 */
export function compressionFindings(
  { compression, url, location }: DestinationConfig,
  state: StateConfig,
  { hasZstd, node }: { readonly hasZstd: boolean; readonly node: string },
): readonly Finding[] {
  if (compression !== 'zstd' || hasZstd) return [];
  const mayRunInAws = location.kind === 's3' && state.location.kind === 'dynamodb';
  return [
    {
      severity: mayRunInAws ? 'warning' : 'error',
      code: 'not-available-here',
      area: 'destination',
      what: `Node ${node} has no zstd compression.`,
      where: url,
      why: `Every stream fails in a job that runs on this machine${mayRunInAws ? '; in AWS it works' : ''}.`,
      fix: { kind: 'config', text: 'compression: gzip (or run jobs with Node 22.15 or newer)' },
    },
  ];
}

/** Why the state store cannot be used. Pure. */
export function stateFinding(error: ReplicationError, state: StateConfig): Finding {
  return {
    severity: 'error',
    code: error.code,
    area: 'state',
    what: error.message,
    where: state.url,
    why: 'Without its bookmarks and its lease no job can run.',
    fix: stateFix(error, state),
  };
}

function destinationFix(error: ReplicationError, { location }: DestinationConfig): Fix {
  if (location.kind === 'file') return folderFix(error, location.folder);
  const { bucket, prefix } = location;
  if (error.code === 'sink-missing') return { kind: 'command', text: `aws s3api create-bucket --bucket ${bucket}` };
  if (error.code !== 'sink-forbidden') return { kind: 'command', text: error.remedy };
  const objects = `arn:aws:s3:::${bucket}/${prefix === '' ? '' : `${prefix}/`}*`;
  return {
    kind: 'iam',
    text: JSON.stringify([
      {
        Effect: 'Allow',
        Action: ['s3:PutObject', 's3:GetObject', 's3:DeleteObject', 's3:AbortMultipartUpload'],
        Resource: objects,
      },
      { Effect: 'Allow', Action: ['s3:ListBucket', 's3:ListBucketMultipartUploads'], Resource: `arn:aws:s3:::${bucket}` },
    ]),
  };
}

function stateFix(error: ReplicationError, { location }: StateConfig): Fix {
  if (location.kind === 'file') return folderFix(error, location.folder);
  const { table } = location;
  if (error.code === 'ledger-missing') {
    const keys =
      '--attribute-definitions AttributeName=pk,AttributeType=S AttributeName=sk,AttributeType=S --key-schema AttributeName=pk,KeyType=HASH AttributeName=sk,KeyType=RANGE';
    return { kind: 'command', text: `aws dynamodb create-table --table-name ${table} ${keys} --billing-mode PAY_PER_REQUEST` };
  }
  if (error.code !== 'ledger-forbidden') return { kind: 'command', text: error.remedy };
  const actions = ['GetItem', 'BatchGetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem'].map((name) => `dynamodb:${name}`);
  return {
    kind: 'iam',
    text: JSON.stringify({ Effect: 'Allow', Action: actions, Resource: `arn:aws:dynamodb:<region>:<account>:table/${table}` }),
  };
}

function folderFix(error: ReplicationError, folder: string): Fix {
  const path = `'${folder.replaceAll("'", String.raw`'\''`)}'`;
  if (error.code.endsWith('-missing')) return { kind: 'command', text: `mkdir -p ${path}` };
  return error.code.endsWith('-forbidden')
    ? { kind: 'command', text: `chmod u+rwx ${path}` }
    : { kind: 'command', text: error.remedy };
}
