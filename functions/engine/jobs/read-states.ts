import { ReplicationError } from '../model/errors.ts';
import { parseStreamState } from '../model/stream-state.ts';
import type { StreamState } from '../model/stream-state.ts';
import type { Engine } from './engine.ts';

/** The states of all streams of an integration, by stream id. Throws `ledger-damaged`. */
export async function readStates(engine: Pick<Engine, 'ledger' | 'settings'>): Promise<ReadonlyMap<string, StreamState>> {
  const states = new Map<string, StreamState>();
  for (const [id, document] of await engine.ledger.documents('stream/')) {
    const state = parseStreamState(document.value);
    if (state === undefined) {
      throw new ReplicationError('ledger-damaged', {
        item: id,
        url: engine.ledger.url,
        reason: 'not a stream state of format 1',
        integration: engine.settings.integration,
      });
    }
    states.set(state.stream, state);
  }
  return states;
}
