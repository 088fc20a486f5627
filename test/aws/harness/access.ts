import { isObject, listAt, parseJson, textAt } from './json.ts';
import type { Json, JsonObject } from './json.ts';
import type { AccessRequest } from './iam.ts';

/** A request as it came over the wire. */
export interface WireRequest {
  readonly method: string;
  /** Path with query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** What a request to S3 needs of permissions (docs.aws.amazon.com/service-authorization, Amazon S3). Path style only. */
export function s3Access({ method, url, headers, body }: WireRequest): readonly AccessRequest[] {
  const { pathname, searchParams: query } = new URL(url, 'http://s3');
  const [, bucket = '', ...rest] = pathname.split('/');
  const key = decodeURIComponent(rest.join('/'));
  const bucketArn = `arn:aws:s3:::${bucket}`;
  const prefix = query.get('prefix');
  const context = { ...COMMON_CONTEXT, ...(prefix === null ? {} : { 's3:prefix': [prefix] }) };
  const onBucket = (action: string): readonly AccessRequest[] => [{ action: `s3:${action}`, resource: bucketArn, context }];
  const onObject = (action: string, name = key): AccessRequest => ({
    action: `s3:${action}`,
    resource: `${bucketArn}/${name}`,
    context: COMMON_CONTEXT,
  });
  if (key === '') {
    if (method === 'HEAD' || (method === 'GET' && query.get('list-type') === '2')) return onBucket('ListBucket');
    if (method === 'GET' && query.has('uploads')) return onBucket('ListBucketMultipartUploads');
    if (method === 'GET' && query.has('location')) return onBucket('GetBucketLocation');
    if (method === 'POST' && query.has('delete')) {
      const keys = [...body.toString('utf8').matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, name = '']) => name);
      return keys.map((name) => onObject('DeleteObject', name));
    }
    throw new Error(`This harness does not know what permission ${method} ${url} needs`);
  }
  switch (method) {
    case 'GET':
      return [onObject(query.has('uploadId') ? 'ListMultipartUploadParts' : 'GetObject')];
    case 'HEAD':
      return [onObject('GetObject')];
    case 'DELETE':
      return [onObject(query.has('uploadId') ? 'AbortMultipartUpload' : 'DeleteObject')];
    default:
      return [onObject('PutObject'), ...(headers['x-amz-tagging'] === undefined ? [] : [onObject('PutObjectTagging')])];
  }
}

/** S3 says "not found" only to who may list the bucket: others get "denied" (docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html). */
export function s3Hides({ method, url }: WireRequest): AccessRequest | undefined {
  const [, bucket = '', key = ''] = new URL(url, 'http://s3').pathname.split('/');
  if (key === '' || (method !== 'GET' && method !== 'HEAD')) return undefined;
  return { action: 's3:ListBucket', resource: `arn:aws:s3:::${bucket}`, context: COMMON_CONTEXT };
}

/** What a request to DynamoDB needs: the operation on its table, with the partition keys that it touches as `dynamodb:LeadingKeys`. */
export function dynamoAccess({ headers, body }: WireRequest, tableArn: (name: string) => string): readonly AccessRequest[] {
  const operation = targetOf(headers);
  const input = parsed(body);
  const tables = isObject(input['RequestItems'])
    ? Object.entries(input['RequestItems'])
    : [[textAt(input, 'TableName'), input] as const];
  return tables.map(([table, requests]) => {
    const keys = (Array.isArray(requests) ? (requests as readonly Json[]) : [requests]).flatMap((request) =>
      leadingKeys(request),
    );
    const leading = keys.length === 0 ? {} : { 'dynamodb:leadingkeys': keys };
    return { action: `dynamodb:${operation}`, resource: tableArn(table), context: { ...COMMON_CONTEXT, ...leading } };
  });
}

/** What a request to Secrets Manager needs. */
export function secretAccess({ headers, body }: WireRequest, secretArn: (id: string) => string): readonly AccessRequest[] {
  const resource = secretArn(textAt(parsed(body), 'SecretId'));
  return [{ action: `secretsmanager:${targetOf(headers)}`, resource, context: COMMON_CONTEXT }];
}

/** The operation of a request of a JSON protocol, such as `Query`. */
export function targetOf(headers: WireRequest['headers']): string {
  const target = headers['x-amz-target'];
  return typeof target === 'string' ? target.slice(target.indexOf('.') + 1) : '';
}

/** What is the same for all: requests come from this network by what stands for TLS. */
export const COMMON_CONTEXT: AccessRequest['context'] = { 'aws:securetransport': ['true'], 's3:tlsversion': ['1.3'] };
const PARTITION_KEY = 'pk';

function leadingKeys(request: Json): readonly string[] {
  if (!isObject(request)) return [];
  const direct = [request['Key'], request['Item'], ...listAt(request, 'Keys')].flatMap((item) => keyOf(item));
  const nested = ['PutRequest', 'DeleteRequest'].flatMap((name) => leadingKeys(request[name] ?? null));
  return [...direct, ...nested, ...queriedKey(request)];
}

function keyOf(item: Json | undefined): readonly string[] {
  const value = isObject(item) ? item[PARTITION_KEY] : undefined;
  return isObject(value) ? [textAt(value, 'S')] : [];
}

/** The partition key that a Query names, which is an equality always. */
function queriedKey(request: JsonObject): readonly string[] {
  const { KeyConditionExpression: expression, ExpressionAttributeNames: names, ExpressionAttributeValues: values } = request;
  if (typeof expression !== 'string' || !isObject(values)) return [];
  for (const [, name = '', value = ''] of expression.matchAll(/([#\w]+)\s*=\s*(:\w+)/g)) {
    const attribute = name.startsWith('#') && isObject(names) ? names[name] : name;
    const operand = values[value];
    if (attribute === PARTITION_KEY && isObject(operand)) return [textAt(operand, 'S')];
  }
  return [];
}

function parsed(body: Buffer): JsonObject {
  const value = parseJson(body.toString('utf8'));
  if (!isObject(value)) throw new Error('The body is no object');
  return value;
}
