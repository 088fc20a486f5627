import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { expect, test } from 'vitest';
import { rdsAuthorities } from '../../functions/engine/source/postgres/rds-ca.ts';

const YEAR_MS = 365 * 86_400_000;

test('the shipped bundle holds the authorities of RDS, each once and valid for years', () => {
  const pems = rdsAuthorities().match(/-----BEGIN CERTIFICATE-----\n[^-]+\n-----END CERTIFICATE-----\n/g) ?? [];
  const authorities = pems.map((pem) => new X509Certificate(pem));

  expect(authorities.length).toBeGreaterThan(80);
  expect(new Set(authorities.map(({ fingerprint256 }) => fingerprint256)).size).toBe(authorities.length);
  expect(authorities.filter((authority) => !authority.ca)).toEqual([]);
  expect(authorities.filter(({ validTo }) => Date.parse(validTo) < Date.now() + YEAR_MS).map(({ subject }) => subject)).toEqual(
    [],
  );
  const names = authorities.map(({ subject }) => subject).join('\n');
  for (const region of ['us-east-1', 'eu-west-1', 'eu-central-2', 'ap-south-2', 'me-central-1'])
    for (const algorithm of ['RSA2048', 'RSA4096', 'ECC384'])
      expect(names).toContain(`Amazon RDS ${region} Root CA ${algorithm} G1`);
  // RDS Proxy
  expect(names).toContain('Amazon Root CA 1');
});

test('every authority is one that vouches for itself, as the end of a chain has to', () => {
  for (const pem of rdsAuthorities().match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []) {
    const authority = new X509Certificate(pem);
    expect(authority.verify(authority.publicKey), authority.subject).toBe(true);
  }
  expect(() => createSecureContext({ ca: rdsAuthorities() })).not.toThrow();
});
