import { expect, test } from 'vitest';
import { loadConfigText } from '../../functions/engine/config/load.ts';
import { packConfig, unpackConfig } from '../../functions/engine/config/packed-config.ts';
import { withIntegration } from '../config/example.ts';

test.each([
  ['{ enabled: false }', { kind: 'off' }],
  ['{ enabled: false, maxReplicaLag: 5 minutes }', { kind: 'off' }],
  [
    '{ maxActiveBackends: none, maxReplicaLag: none, minFreeConnections: 0 }',
    { kind: 'on', everyMs: 10_000, maxActiveBackends: 'none', minFreeConnections: 0, maxReplicaLagMs: 'none' },
  ],
  [
    '{ maxActiveBackends: 16, checkEvery: 1 minute }',
    { kind: 'on', everyMs: 60_000, maxActiveBackends: 16, minFreeConnections: 'auto', maxReplicaLagMs: 60_000 },
  ],
])('pressure: %s arrives in a function as it was meant', (text, expected) => {
  const { config } = loadConfigText(withIntegration(`tables: []\npressure: ${text}`), '/etc/backstitch.yaml');

  const { integration } = unpackConfig(packConfig(config, 'shop').json, '/var/task');

  expect(config.integrations[0]?.pressure).toEqual(expected);
  expect(integration.pressure).toEqual(expected);
});
