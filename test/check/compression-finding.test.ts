import { expect, test } from 'vitest';
import { compressionFindings } from '../../functions/engine/check/store-findings.ts';
import type { DestinationConfig, StateConfig } from '../../functions/engine/config/config.ts';

const OLD = { hasZstd: false, node: '20.20.2' } as const;
const FOLDER = { url: 'file:./out', location: { kind: 'file', folder: '/out' } } as const;
const BUCKET = { url: 's3://bucket', location: { kind: 's3', bucket: 'bucket', prefix: '' } } as const;
const FILES: StateConfig = { url: 'file:./state', location: { kind: 'file', folder: '/state' } };
const TABLE: StateConfig = { url: 'dynamodb://table', location: { kind: 'dynamodb', table: 'table' } };

function destination(place: typeof FOLDER | typeof BUCKET, compression: DestinationConfig['compression']): DestinationConfig {
  return { ...place, compression, gzipLevel: 1, rotateBytes: 1, jsonColumns: 'string', profile: 'default' };
}

test('zstd that this Node has not stops jobs of this machine, and is a warning where jobs may run in AWS', () => {
  const severities = (place: typeof FOLDER | typeof BUCKET, state: StateConfig): readonly string[] =>
    compressionFindings(destination(place, 'zstd'), state, OLD).map(({ severity, code }) => `${severity} ${code}`);

  expect(severities(FOLDER, FILES)).toEqual(['error not-available-here']);
  expect(severities(BUCKET, FILES)).toEqual(['error not-available-here']);
  expect(severities(BUCKET, TABLE)).toEqual(['warning not-available-here']);
});

test('nothing is said where this Node has zstd, or gzip is wanted', () => {
  expect(compressionFindings(destination(FOLDER, 'zstd'), FILES, { hasZstd: true, node: '24.1.0' })).toEqual([]);
  expect(compressionFindings(destination(FOLDER, 'gzip'), FILES, OLD)).toEqual([]);
});
