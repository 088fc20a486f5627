import type { Claim } from '../../ledger/ledger.ts';
import type { EncodedBlock } from '../../model/objects.ts';
import { objectKey } from '../../plan/key-template.ts';
import { compressionOf } from '../../sink/compress.ts';
import { openObjectSet } from '../../sink/object-set.ts';
import type { ObjectSet } from '../../sink/object-set.ts';
import type { JobContext, JobStream } from '../job.ts';

/** The objects of one stream in one batch of the log. */
export function openLogObjects(
  context: JobContext,
  of: { readonly stream: JobStream; readonly version: number; readonly claim: Claim; readonly signal: AbortSignal },
): ObjectSet {
  const { settings, sink, clock } = context;
  const { stream, version, claim, signal } = of;
  const at = clock.now();
  return openObjectSet({
    sink,
    kind: 'log',
    keyOf: (part) =>
      objectKey({
        ...(settings.keyTemplate === undefined ? {} : { template: settings.keyTemplate }),
        integration: settings.integration,
        table: stream.destinationTable,
        version,
        unit: { kind: 'log' },
        batch: claim.head.batch + 1,
        fence: claim.fence,
        part,
        at,
        extension: compressionOf(settings.compression).extension,
      }),
    compression: settings.compression,
    rotateBytes: settings.rotateBytes,
    firstSequence: (block) => sequence(block, 'firstSequence'),
    lastSequence: (block) => sequence(block, 'lastSequence'),
    signal,
  });
}

function sequence(block: EncodedBlock, which: 'firstSequence' | 'lastSequence'): string {
  const value: unknown = Reflect.get(block, which);
  return typeof value === 'bigint' ? value.toString() : '0';
}
