import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { clientMessages } from './replay-messages.ts';
import { sendPaced } from './replay-pace.ts';
import { Recording } from './replay-recording.ts';

/** What all sessions of a replaying source share. */
export interface Replay {
  readonly server: { readonly host: string; readonly port: number };
  /** Answers by the statement that they answer. */
  readonly answers: Map<string, Buffer>;
  /** Of each session, 10^6 bytes; 0: no limit. */
  mbPerS: number;
  /** COPY statements that were answered from memory. */
  replayed: number;
}

/**
 * Serves one client, who waits for the end of each answer before the next statement: what the server sends reaches the client, but a COPY that was answered before is answered from
 * memory. The server does not hear of that one, which leaves its transaction as it is, as a COPY would.
 */
export async function serve(client: Socket, replay: Replay): Promise<void> {
  const server = connect({ ...replay.server, noDelay: true });
  // One side that is gone is the end of the other one.
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const) {
    one.on('error', () => undefined);
    one.once('close', () => other.destroy());
  }
  let recording: { readonly sql: string; readonly answer: Recording } | undefined;
  server.on('data', (chunk) => {
    if (recording?.answer.add(chunk) !== true) return;
    const answer = recording.answer.finish();
    if (answer !== undefined) replay.answers.set(recording.sql, answer);
    recording = undefined;
  });
  server.pipe(client);
  try {
    for await (const { bytes, copySql } of clientMessages(client)) {
      const answer = copySql === undefined ? undefined : replay.answers.get(copySql);
      if (answer !== undefined) {
        replay.replayed += 1;
        await sendPaced(client, answer, replay.mbPerS);
        continue;
      }
      if (copySql !== undefined) recording = { sql: copySql, answer: new Recording() };
      server.write(bytes);
    }
    server.end();
  } catch {
    // The client is gone, and its session with it.
  } finally {
    client.destroy();
  }
}
