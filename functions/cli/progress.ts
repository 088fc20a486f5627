import type { ProgressListener } from '../engine/jobs/progress.ts';
import type { Clock } from '../engine/runtime/clock.ts';
import { OutputClosed } from './console.ts';
import type { Output } from './console.ts';
import { createTally, renderProgress } from './progress-tally.ts';
import type { ProgressTitle } from './progress-tally.ts';

/** Progress of one job after the other on a terminal; nothing at all in a pipe. Disposing it takes its lines away. */
export interface ProgressDisplay extends AsyncDisposable {
  readonly listener: ProgressListener;
  /** Writes text above the progress, in the order of calls. */
  say(output: Output, text: string): void;
}

export interface ProgressDisplayOptions extends ProgressTitle {
  readonly err: Output;
  readonly clock: Clock;
  /** `quiet` for `--json`. */
  readonly mode: 'shown' | 'quiet';
}

const REDRAW_MS = 200;

/** Draws a few lines that update themselves while a job runs. */
export function showProgress({ title, preparation, err, clock, mode }: ProgressDisplayOptions): ProgressDisplay {
  const isShown = mode === 'shown' && err.isTerminal;
  const tally = createTally(clock.now().getTime());
  const ended = new AbortController();
  let drawnLines = 0;
  // Writes happen one after the other, whoever asks for them.
  let writes: Promise<void> = Promise.resolve();
  const enqueue = (write: () => Promise<void>): void => {
    writes = writes.then(write).catch((error: unknown) => {
      if (!(error instanceof OutputClosed)) throw error;
    });
    // Whoever disposes of the display awaits them; until then a failure is no unhandled rejection.
    writes.catch(() => undefined);
  };

  const erase = async (): Promise<void> => {
    if (drawnLines > 0) await err.write(`\u001b[${drawnLines}A\r\u001b[0J`);
    drawnLines = 0;
  };
  const draw = async (): Promise<void> => {
    const lines = renderProgress({ title, preparation }, tally.view(clock.now().getTime()), err.columns, err.style);
    const up = drawnLines > 0 ? `\u001b[${drawnLines}A\r` : '';
    // Each line is cleared as it is written, so that the screen does not flicker.
    await err.write(`${up}${lines.map((line) => `${line}\u001b[0K\n`).join('')}\u001b[0J`);
    drawnLines = lines.length;
  };
  const drawing = isShown ? drawUntil(ended.signal, clock, () => enqueue(draw)) : Promise.resolve();

  return {
    listener: (event) => tally.apply(event, clock.now().getTime()),
    say: (output, text) =>
      enqueue(async () => {
        await erase();
        await output.write(text);
      }),
    [Symbol.asyncDispose]: async () => {
      ended.abort();
      await drawing;
      if (isShown) enqueue(erase);
      await writes;
    },
  };
}

async function drawUntil(ended: AbortSignal, clock: Clock, draw: () => void): Promise<void> {
  while (!ended.aborted) {
    draw();
    await clock.sleep(REDRAW_MS, ended).catch(() => undefined);
  }
}
