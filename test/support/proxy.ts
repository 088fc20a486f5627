import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';

/** Which way bytes go. */
export type Direction = 'toServer' | 'toClient';

/** How bytes are passed on; what is absent does nothing. */
export interface Shape {
  /** At most this many bytes in one write, each in a turn of the event loop of its own, so that a reader sees every possible cut. */
  readonly chunkBytes?: number;
  /** Waits before each write. */
  readonly delayMs?: number;
  /** Resets the connection once so many bytes (of all connections together) have gone in this direction; the rest is lost. */
  readonly cutAfter?: { readonly direction: Direction; readonly bytes: number };
}

/** A TCP proxy on 127.0.0.1 that misbehaves on command. Disposing it resets what is still open. */
export interface TestProxy extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Connections accepted so far, and those still open. */
  readonly accepted: number;
  readonly open: number;
  /** Bytes passed on so far, all connections together. */
  readonly bytes: Readonly<Record<Direction, number>>;
  /** Replaces the shape, for connections that are open too. */
  shape(shape: Shape): void;
  /** Resets (RST) all open connections. */
  cut(): void;
  /** Passes nothing on any more, while connections stay open, as a network that drops packets. New connections are accepted and stay silent. */
  freeze(): void;
  thaw(): void;
  /** Resets every new connection at once, until `accept()`. */
  refuse(): void;
  accept(): void;
}

const RESET_AFTER_MS = 20;

/** Starts a proxy to `target`. */
export async function startProxy(
  target: { readonly host: string; readonly port: number },
  shape: Shape = {},
): Promise<TestProxy> {
  const sockets = new Set<Socket>();
  const bytes: Record<Direction, number> = { toServer: 0, toClient: 0 };
  const state = { shape, refusing: false, accepted: 0, gate: Promise.resolve(), thaw: (): void => undefined };

  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const write = async (chunk: Buffer, to: Socket, direction: Direction): Promise<void> => {
    for (let at = 0; at < chunk.length && !to.destroyed;) {
      await state.gate;
      const { chunkBytes = chunk.length, delayMs, cutAfter } = state.shape;
      const limit = cutAfter?.direction === direction ? Math.max(0, cutAfter.bytes - bytes[direction]) : Infinity;
      if (delayMs !== undefined) await delay(delayMs);
      const piece = chunk.subarray(at, at + Math.min(chunkBytes, limit));
      at += piece.length;
      bytes[direction] += piece.length;
      if (piece.length > 0 && !to.write(piece)) await once(to, 'drain');
      await nextTurn();
      if (piece.length < limit) continue;
      // libuv tells a reader of the end, not of the reset, when the reset comes along with bytes: give it the time to take them.
      await delay(RESET_AFTER_MS);
      cut();
    }
  };
  const passOn = (from: Socket, to: Socket, direction: Direction): void => {
    let written = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      from.pause();
      // A write that fails means that `to` broke, whose close resets `from`.
      written = write(chunk, to, direction).then(
        () => void from.resume(),
        () => undefined,
      );
    });
    from.once('end', () => void written.then(() => to.end()));
  };

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    state.accepted += 1;
    if (state.refusing) return void client.resetAndDestroy();
    const upstream = connect({ ...target, allowHalfOpen: true, noDelay: true });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        sockets.delete(socket);
        if (socket.errored !== null || !socket.readableEnded) other.resetAndDestroy();
      });
    }
    passOn(client, upstream, 'toServer');
    passOn(upstream, client, 'toClient');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');

  return {
    host: '127.0.0.1',
    port: address.port,
    bytes,
    get accepted() {
      return state.accepted;
    },
    get open() {
      return sockets.size / 2;
    },
    shape: (next) => {
      state.shape = next;
    },
    cut,
    freeze: () => {
      state.gate = new Promise((resolve) => (state.thaw = resolve));
    },
    thaw: () => {
      state.thaw();
    },
    refuse: () => {
      state.refusing = true;
    },
    accept: () => {
      state.refusing = false;
    },
    [Symbol.asyncDispose]: async () => {
      cut();
      state.thaw();
      server.close();
      await once(server, 'close');
    },
  };
}
