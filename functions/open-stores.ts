import type { DestinationConfig, StateConfig } from './engine/config/config.ts';
import type { LedgerStore } from './engine/ledger/store.ts';
import type { Sink } from './engine/sink/sink.ts';

/** Opens the destination. SDKs are loaded only where they are used, so a folder needs none. */
export async function openSink(destination: DestinationConfig): Promise<Sink> {
  const { url, location, rotateBytes } = destination;
  switch (location.kind) {
    case 'file': {
      const { openFileSink } = await import('./engine/sink/file/file-sink.ts');
      return openFileSink({ url, directory: location.folder });
    }
    case 's3': {
      const [{ openS3Sink }, { createS3Client }] = await Promise.all([
        import('./engine/sink/s3/s3-sink.ts'),
        import('./engine/sink/s3/s3-client.ts'),
      ]);
      const client = createS3Client();
      const sink = openS3Sink({ url, bucket: location.bucket, prefix: location.prefix, objectBytes: rotateBytes, client });
      return withCleanUp(sink, () => client.destroy());
    }
  }
}

/** Opens the state store. */
export async function openStateStore(state: StateConfig): Promise<LedgerStore> {
  const { url, location } = state;
  switch (location.kind) {
    case 'file': {
      const { openFileStore } = await import('./engine/ledger/file/file-store.ts');
      return openFileStore({ url, folder: location.folder });
    }
    case 'dynamodb': {
      const [{ openDynamoStore }, { createDynamoClient }] = await Promise.all([
        import('./engine/ledger/dynamodb/dynamodb-store.ts'),
        import('./engine/ledger/dynamodb/dynamodb-client.ts'),
      ]);
      const client = createDynamoClient();
      return withCleanUp(openDynamoStore({ url, table: location.table, client }), () => client.destroy());
    }
  }
}

/** Adds to what disposing does. The object stays what it is: its methods need their `this`. */
function withCleanUp<T extends AsyncDisposable>(opened: T, cleanUp: () => void): T {
  const dispose = opened[Symbol.asyncDispose].bind(opened);
  return Object.assign(opened, {
    [Symbol.asyncDispose]: async () => {
      await dispose();
      cleanUp();
    },
  });
}
