import { openTunnel } from '../../functions/engine/source/postgres/tunnel.ts';
import type { Tunnel, TunnelSettings } from '../../functions/engine/source/postgres/tunnel.ts';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import type { Connection, ConnectionSettings } from '../../functions/engine/source/postgres/connection.ts';
import { never, settingsFor } from '../source/support.ts';
import type { ServerAddress } from '../support/postgres.ts';

/** A tunnel as a test wants it; the user does not matter to the server inside the test. */
export function tunnelTo(
  target: ServerAddress,
  through: { readonly host: string; readonly port: number; readonly user?: string },
  options: {
    readonly privateKey: string;
    readonly passphrase?: string;
    readonly hostKeys: readonly string[];
  } & Partial<TunnelSettings>,
): Tunnel {
  const { privateKey, passphrase, ...rest } = options;
  return openTunnel({
    endpoint: { host: through.host, port: through.port, user: through.user ?? 'tester' },
    key: async () => ({ privateKey, ...(passphrase === undefined ? {} : { passphrase }) }),
    target: { host: target.host, port: target.port },
    connectTimeoutMs: 20_000,
    ...rest,
  });
}

/** A session through a tunnel. */
export function connectThrough(
  tunnel: Tunnel,
  target: ServerAddress & { readonly database?: string },
  changes: Partial<ConnectionSettings> = {},
  signal: AbortSignal = never(),
): Promise<Connection> {
  return connect(settingsFor(target, { openSocket: (open) => tunnel.openSocket(open), ...changes }), signal);
}

/** `ok`, or the code and message of what was thrown. */
export async function outcomeOf(attempt: Promise<AsyncDisposable>): Promise<string> {
  const outcome = await attempt.catch((error: unknown) => error);
  if (outcome instanceof Error) return `${'code' in outcome ? String(outcome.code) : 'no code'}: ${outcome.message}`;
  await (outcome as AsyncDisposable)[Symbol.asyncDispose]();
  return 'ok';
}
