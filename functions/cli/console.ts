import { createInterface } from 'node:readline/promises';
import type { Writable } from 'node:stream';
import { colourStyle, plainStyle } from '../engine/report/render-text.ts';
import type { TextStyle } from '../engine/report/render-text.ts';

/** One of the two places a command writes to. */
export interface Output {
  readonly isTerminal: boolean;
  /** Width of the terminal; 80 where it is unknown. */
  readonly columns: number;
  readonly style: TextStyle;
  /** Resolves when the text was taken. Throws {@link OutputClosed} when nobody reads any more. */
  write(text: string): Promise<void>;
}

/** Results go to `out`; progress, questions and errors go to `err`. */
export interface Console {
  readonly out: Output;
  readonly err: Output;
  /** Asks on the terminal and gives the answer; undefined where there is none to ask on. */
  ask(question: string, signal: AbortSignal): Promise<string | undefined>;
}

/** The reader of a pipe went away (`backstitch logs | head`): a quiet end, not a failure. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

interface TerminalStream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

interface ConsoleStreams {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: TerminalStream;
  readonly stderr: TerminalStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The console of a process. `NO_COLOR` (no-color.org) and `TERM=dumb` turn colours off. */
export function processConsole({ stdin, stdout, stderr, env }: ConsoleStreams): Console {
  const out = output(stdout, env);
  const err = output(stderr, env);
  return {
    out,
    err,
    ask: async (question, signal) => {
      if (stdin.isTTY !== true || !err.isTerminal) return undefined;
      const lines = createInterface({ input: stdin, output: stderr, terminal: false });
      try {
        return await lines.question(question, { signal });
      } finally {
        lines.close();
      }
    },
  };
}

function output(stream: TerminalStream, env: ConsoleStreams['env']): Output {
  // Without a listener an EPIPE between two writes would end the process with a stack trace.
  stream.on('error', () => undefined);
  const isTerminal = stream.isTTY === true;
  const noColour = env['NO_COLOR'] ?? '';
  return {
    isTerminal,
    get columns() {
      return stream.columns ?? 80;
    },
    style: isTerminal && noColour === '' && env['TERM'] !== 'dumb' ? colourStyle : plainStyle,
    write: (text) =>
      new Promise((resolve, reject) => {
        stream.write(text, (error) => {
          if (error === null || error === undefined) resolve();
          else reject(isClosed(error) ? new OutputClosed() : error);
        });
      }),
  };
}

function isClosed(error: Error): boolean {
  return 'code' in error && (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED');
}
