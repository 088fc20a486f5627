import type { Console, Output } from '../../functions/cli/console.ts';
import { OutputClosed } from '../../functions/cli/console.ts';
import { plainStyle } from '../../functions/engine/report/render-text.ts';

export interface FakeConsole extends Console {
  readonly written: { out: string; err: string };
  /** Questions that were asked. */
  readonly questions: string[];
}

export interface FakeConsoleOptions {
  /** Whether standard output and error are terminals. */
  readonly terminal?: boolean;
  /** What a user answers; absent: there is nobody. */
  readonly answer?: string;
  /** The reader of standard output goes away after this many writes. */
  readonly closesAfter?: number;
}

/** Keeps everything that is written. */
export function fakeConsole({ terminal = false, answer, closesAfter = Infinity }: FakeConsoleOptions = {}): FakeConsole {
  const written = { out: '', err: '' };
  const questions: string[] = [];
  let writes = 0;
  const output = (name: 'out' | 'err'): Output => ({
    isTerminal: terminal,
    columns: 80,
    style: plainStyle,
    write: async (text) => {
      if (name === 'out' && ++writes > closesAfter) throw new OutputClosed();
      written[name] += text;
    },
  });
  return {
    out: output('out'),
    err: output('err'),
    written,
    questions,
    ask: async (question) => {
      if (answer !== undefined) questions.push(question);
      return answer;
    },
  };
}
