import { Worker } from 'node:worker_threads';
import type { ObjectHash } from './object-hash.ts';

/** What the thread is asked. Memory goes there and comes back: neither side can read it meanwhile. */
type Question =
  | {
      readonly id: number;
      readonly kind: 'bytes';
      readonly memory: ArrayBuffer;
      readonly offset: number;
      readonly length: number;
    }
  | { readonly id: number; readonly kind: 'digest' | 'drop' };

/** What it answers, in the order of the questions. */
type Answer =
  | { readonly id: number; readonly memory: ArrayBuffer; readonly offset: number; readonly length: number }
  | { readonly id: number; readonly sha256: string };

/** The program of the thread: a text, so that every bundle has it without a file of its own. */
const PROGRAM = `
const { createHash } = require('node:crypto');
const { parentPort } = require('node:worker_threads');
const hashes = new Map();
parentPort.on('message', ({ id, kind, memory, offset, length }) => {
  if (kind === 'bytes') {
    let hash = hashes.get(id);
    if (hash === undefined) hashes.set(id, (hash = createHash('sha256')));
    hash.update(new Uint8Array(memory, offset, length));
    parentPort.postMessage({ id, memory, offset, length }, [memory]);
    return;
  }
  if (kind === 'digest') parentPort.postMessage({ id, sha256: (hashes.get(id) ?? createHash('sha256')).digest('hex') });
  hashes.delete(id);
});
`;

/** Buffers of the thread need next to nothing of its heap. */
const LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 16 };

const SMALL_BYTES = 64 * 1024;

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

let thread: HashThread | undefined;

/** A hash that the process's thread makes; undefined once that thread has failed. */
export function openThreadHash(): ObjectHash | undefined {
  thread ??= new HashThread();
  return thread.isGone ? undefined : new ThreadHash(thread);
}

class ThreadHash implements ObjectHash {
  readonly #thread: HashThread;
  readonly #id: number;

  constructor(owner: HashThread) {
    this.#thread = owner;
    this.#id = owner.begin();
  }

  async update(bytes: Buffer): Promise<Buffer> {
    const { memory, offset, length } = alone(bytes);
    const answer = await this.#thread.ask({ id: this.#id, kind: 'bytes', memory, offset, length }, [memory]);
    if (!('memory' in answer)) throw new TypeError('the hash thread answered another question');
    return Buffer.from(answer.memory, answer.offset, answer.length);
  }

  async digest(): Promise<string> {
    const answer = await this.#thread.ask({ id: this.#id, kind: 'digest' });
    this.#thread.end(this.#id);
    if (!('sha256' in answer)) throw new TypeError('the hash thread answered another question');
    return answer.sha256;
  }

  [Symbol.dispose](): void {
    this.#thread.end(this.#id);
  }
}

/** The thread, begun with its first hash. It keeps the process alive only while a hash is open. */
class HashThread {
  isGone = false;
  readonly #worker = new Worker(PROGRAM, { eval: true, resourceLimits: LIMITS, env: {}, name: 'backstitch-hash' });
  /** Whose questions are unanswered, by hash. */
  readonly #open = new Map<number, Waiting[]>();
  #nextId = 0;

  constructor() {
    this.#worker.unref();
    this.#worker.on('message', (answer: Answer) => this.#open.get(answer.id)?.shift()?.resolve(answer));
    this.#worker.on('error', (error: unknown) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(undefined));
  }

  begin(): number {
    if (this.#open.size === 0) this.#worker.ref();
    this.#open.set(this.#nextId, []);
    return this.#nextId++;
  }

  ask(question: Question, transfer: readonly ArrayBuffer[] = []): Promise<Answer> {
    const waiting = this.#open.get(question.id);
    if (this.isGone || waiting === undefined) return Promise.reject(new Error('the thread that hashes is gone'));
    return new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      this.#worker.postMessage(question, [...transfer]);
    });
  }

  /** Forgets a hash. Whoever still waits for one of its answers is told. */
  end(id: number): void {
    const waiting = this.#open.get(id);
    if (waiting === undefined) return;
    this.#open.delete(id);
    for (const { reject } of waiting) reject(new Error('the hash was given up'));
    if (!this.isGone) this.#worker.postMessage({ id, kind: 'drop' } satisfies Question);
    if (this.#open.size === 0) this.#worker.unref();
  }

  #fail(cause: unknown): void {
    this.isGone = true;
    const all = [...this.#open.values()].flatMap((waiting) => waiting.splice(0));
    for (const { reject } of all) reject(new Error('the thread that hashes is gone', { cause }));
  }
}

/** Their memory, which is theirs alone as the contract says. Small ones are copied: theirs may be a part of Node's pool, without which nothing goes on. */
function alone(bytes: Buffer): { readonly memory: ArrayBuffer; readonly offset: number; readonly length: number } {
  const { buffer, byteOffset, length } = bytes;
  if (buffer instanceof ArrayBuffer && byteOffset === 0 && length >= SMALL_BYTES) {
    return { memory: buffer, offset: byteOffset, length };
  }
  const copy = Buffer.allocUnsafeSlow(length);
  bytes.copy(copy);
  return { memory: copy.buffer, offset: 0, length };
}
