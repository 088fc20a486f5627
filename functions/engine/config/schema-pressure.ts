import { z } from 'zod';
import type { PressureConfig } from './config.ts';
import { flag, mapping, readBy, wholeNumber } from './schema-parts.ts';
import { parseDuration } from './units.ts';

const MOST = 100_000;

/** Seconds of a duration within bounds, both included. */
const duration = (text: string, min: number, max: number): number | undefined => {
  const seconds = parseDuration(text);
  return seconds !== undefined && seconds >= min && seconds <= max ? seconds : undefined;
};

const readLag = (text: string): number | 'none' | undefined => (text === 'none' ? text : duration(text, 1, 86_400));
const readEvery = (text: string): number | undefined => duration(text, 1, 3_600);

export const pressure = mapping({
  enabled: flag().default(true).describe('`false`: nothing is looked at, and reads never give way.'),
  checkEvery: readBy('a duration from 1 second to 1 hour such as "10 seconds"', readEvery)
    .default('10 seconds')
    .describe('How old the last look at the server may be when a read begins, and how often held workers look again.'),
  maxActiveBackends: z
    .union([z.literal('none'), wholeNumber(1, MOST)], { error: `a whole number from 1 to ${MOST}, or none` })
    .optional()
    .describe(
      'Statements of others that may run at once; beyond it one read at a time goes on. A good figure is two to four times the cores of the server. By default a quarter of the connections that it allows, at least 8.',
    ),
  minFreeConnections: wholeNumber(0, MOST)
    .optional()
    .describe(
      'Connections that are left to others: as they come near the limit of the server, fewer reads go on. By default a tenth of what the server allows.',
    ),
  maxReplicaLag: readBy('a duration from 1 second to 1 day such as "1 minute", or none', readLag)
    .default('1 minute')
    .describe(
      'How far a physical standby of the server (or the server itself, where it is one) may be behind; beyond it one read at a time goes on. Set it above `recovery_min_apply_delay` of a standby that is delayed on purpose, or to `none`.',
    ),
})
  .prefault({})
  .describe('When parallel reads give way to the other work of the server: copies and key-based reads, never the log.');

export type PressureDocument = z.output<typeof pressure>;

/** The settings with units resolved. Throws on what the schema refuses. */
export function resolvePressure(document: PressureDocument): PressureConfig {
  const { enabled, checkEvery, maxActiveBackends, minFreeConnections, maxReplicaLag } = document;
  if (!enabled) return { kind: 'off' };
  const everySeconds = readEvery(checkEvery);
  const lag = readLag(maxReplicaLag);
  if (everySeconds === undefined || lag === undefined) throw new TypeError('the configuration was not checked');
  return {
    kind: 'on',
    everyMs: everySeconds * 1_000,
    maxActiveBackends: maxActiveBackends ?? 'auto',
    minFreeConnections: minFreeConnections ?? 'auto',
    maxReplicaLagMs: lag === 'none' ? lag : lag * 1_000,
  };
}
