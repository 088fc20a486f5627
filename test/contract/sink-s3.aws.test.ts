import { openS3Sink } from '../../functions/engine/sink/s3/s3-sink.ts';
import { startS3 } from '../support/s3.ts';
import { sinkSuite } from './sink.suite.ts';

const PART_BYTES = 5 * 1024 * 1024;

sinkSuite('S3', async () => {
  const s3 = await startS3();
  const prefix = 'landing/postgres';
  const open = (bucket = s3.bucket): ReturnType<typeof openS3Sink> =>
    openS3Sink({ url: `s3://${bucket}/${prefix}`, bucket, prefix: `/${prefix}/`, client: s3.client, partBytes: PART_BYTES });
  const below = (keys: readonly string[]): readonly string[] => keys.map((key) => key.slice(prefix.length + 1)).sort();
  return {
    sink: open(),
    reopen: () => open(),
    manyPartsBytes: 3 * PART_BYTES + 1,
    visible: async () => below([...s3.store.objects.keys()]),
    unfinished: async () => below([...s3.store.uploads.values()].map(({ key }) => key)),
    missing: async () => open('none'),
    [Symbol.asyncDispose]: () => s3[Symbol.asyncDispose](),
  };
});
