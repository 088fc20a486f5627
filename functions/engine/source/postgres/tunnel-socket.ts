import { Duplex } from 'node:stream';
import type { ClientChannel } from 'ssh2';

/**
 * A forwarded channel that behaves like a TCP socket. ssh2's own channels do not: they cannot be destroyed with an error, never say that they
 * are destroyed, and forget the callback of a write after their end.
 */
export class TunnelSocket extends Duplex {
  readonly #channel: ClientChannel;
  #isClosed = false;

  constructor(channel: ClientChannel) {
    super({ allowHalfOpen: false });
    this.#channel = channel;
    channel.on('data', this.#onData);
    channel.once('end', () => {
      if (!this.destroyed) this.push(null);
    });
    channel.once('close', () => {
      this.#isClosed = true;
      // What has arrived is still for the reader, as it is on a socket.
      if (this.readableEnded) this.destroy();
      else this.once('end', () => this.destroy());
    });
    channel.on('error', (error: Error) => this.destroy(error));
    // Whoever uses the socket listens too; this one keeps an error before that from ending the process.
    this.on('error', () => undefined);
  }

  /** Ends the socket the way that a reset by the peer does. */
  reset(): void {
    this.destroy(resetError());
  }

  override _read(): void {
    this.#channel.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#isClosed) done(resetError());
    else this.#channel.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#channel.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#channel.off('data', this.#onData);
    // What nobody reads any more would keep the channel from ever being forgotten.
    this.#channel.resume();
    this.#channel.destroy();
    done(error);
  }

  readonly #onData = (bytes: Buffer): void => {
    if (!this.push(bytes)) this.#channel.pause();
  };
}

function resetError(): Error {
  return Object.assign(new Error('the tunnel was closed'), { code: 'ECONNRESET' });
}
