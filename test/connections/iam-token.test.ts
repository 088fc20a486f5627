import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { iamTokens, regionOfHost } from '../../functions/iam-token.ts';
import { rejection } from '../source/support.ts';
import { withEnvironment } from './secrets-manager.ts';

const HOST = 'shop.c1abcdefghij.eu-west-1.rds.amazonaws.com';
let restore: () => void;

beforeEach(() => {
  restore = withEnvironment({
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
    AWS_SESSION_TOKEN: 'a session token',
    AWS_REGION: undefined,
    AWS_DEFAULT_REGION: undefined,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
  });
});

afterEach(() => restore());

describe('a token for IAM database authentication', () => {
  it('is a request to connect, signed for this user, host and port and for fifteen minutes', async () => {
    const token = await iamTokens({ host: HOST, port: 5433, user: 'back stitch' }, {})();

    const url = new URL(`https://${token}`);
    expect(url.host).toBe(`${HOST}:5433`);
    expect(url.pathname).toBe('/');
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      Action: 'connect',
      DBUser: 'back stitch',
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Credential': expect.stringMatching(/^AKIDEXAMPLE\/\d{8}\/eu-west-1\/rds-db\/aws4_request$/),
      'X-Amz-Expires': '900',
      'X-Amz-SignedHeaders': 'host',
      'X-Amz-Security-Token': 'a session token',
      'X-Amz-Signature': expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it.each([
    [HOST, {}, 'eu-west-1'],
    [HOST, { AWS_REGION: 'us-east-1' }, 'eu-west-1'],
    ['db.example.com', { AWS_REGION: 'us-east-1', AWS_DEFAULT_REGION: 'us-east-2' }, 'us-east-1'],
    ['db.example.com', { AWS_DEFAULT_REGION: 'us-east-2' }, 'us-east-2'],
  ])('is for the region of %s with %j: %s', async (host, env, region) => {
    const token = await iamTokens({ host, port: 5432, user: 'u' }, env)();

    expect(new URL(`https://${token}`).searchParams.get('X-Amz-Credential')).toContain(`/${region}/rds-db/`);
  });

  it.each([
    ['shop.c1abcdefghij.eu-west-1.rds.amazonaws.com', 'eu-west-1'],
    ['shop.cluster-ro-c1abcdefghij.us-gov-west-1.rds.amazonaws.com.', 'us-gov-west-1'],
    ['proxy.proxy-c1abcdefghij.AP-SOUTHEAST-2.rds.amazonaws.com', 'ap-southeast-2'],
    ['shop.c1abcdefghij.rds.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
    ['shop.eu-west-1.rds.amazonaws.com.example.com', undefined],
    ['10.0.0.1', undefined],
  ])('takes the region out of %s', (host, region) => {
    expect(regionOfHost(host)).toBe(region);
  });

  it('is not made without a region', async () => {
    expect(await rejection(iamTokens({ host: 'db.example.com', port: 5432, user: 'u' }, {})())).toMatchObject({
      code: 'iam-region-unknown',
    });
  });

  it('is not made without credentials, and the error says whose they are', async () => {
    const again = withEnvironment({ AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined });
    const error = await rejection(iamTokens({ host: HOST, port: 5432, user: 'u' }, {})());
    again();

    expect(error).toMatchObject({ code: 'iam-token-failed', message: expect.stringContaining('CredentialsProviderError') });
  });
});
