// A child of killed.aws.test.ts: writes sets of objects until it is killed, and names each set when it is durable.
import { openFileSink } from '../../functions/engine/sink/file/file-sink.ts';
import { openObjectSet } from '../../functions/engine/sink/object-set.ts';
import { openS3Sink } from '../../functions/engine/sink/s3/s3-sink.ts';
import { TEST_BUCKET, testS3Client } from '../support/s3.ts';
import { block, setOptions } from './object-set.suite.ts';

const [kind, place = ''] = process.argv.slice(2);
const sink =
  kind === 'folder'
    ? openFileSink({ url: 'file:out', directory: place })
    : openS3Sink({
        url: 's3://landing',
        bucket: TEST_BUCKET,
        prefix: '',
        client: testS3Client(place),
        partBytes: 5 * 1024 * 1024,
      });
const large = block(1_000, { width: 1_150 });

for (let set = 0; ; set++) {
  await using objects = openObjectSet(
    setOptions(sink, { rotateBytes: 9_000_000, keyOf: (part) => `t/${String(set).padStart(4, '0')}-${part}.jsonl.gz` }),
  );
  for (let n = 0; n < 20; n++) {
    await objects.write(large);
    process.stdout.write('.\n');
  }
  for (const object of await objects.finish()) process.stdout.write(`${JSON.stringify(object)}\n`);
}
