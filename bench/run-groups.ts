import type { BenchCase, BenchGroup, Sample } from './bench-case.ts';
import { median } from './statistics.ts';

/** What the rounds of a case came to. */
export interface CaseResult {
  readonly name: string;
  readonly side: BenchCase['side'];
  /** Medians over the rounds. */
  readonly rowsPerS: number;
  readonly jsonMbPerS: number;
  readonly wallS: number;
  readonly clientCpuS: number;
  readonly serverCpuS: number;
  /** The largest of all rounds. */
  readonly peakMb: number;
  readonly ratios: readonly RatioResult[];
  readonly notes: readonly string[];
  /** What was not as wanted in some round, beside the ratios. */
  readonly missed: readonly string[];
}

export interface RatioResult {
  readonly of: string;
  readonly atLeast: number;
  /** Median over rounds of rows per second against those of the other case in the same round. */
  readonly ratio: number;
  /** The same with the time that our program takes to load. */
  readonly withStart: number;
  /** Median over rounds of the CPU time of client and server together, the other case's over ours: what is left of the ratio when the machine has other work. */
  readonly cpuRatio: number;
}

export interface GroupResult {
  readonly title: string;
  readonly cases: readonly CaseResult[];
}

/** Runs the cases of a group in turns. `onSample` hears of each run. */
export async function runGroup(
  group: BenchGroup,
  rounds: number,
  onSample: (name: string, sample: Sample) => void,
): Promise<GroupResult> {
  const samples = new Map<string, Sample[]>(group.cases.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, run } of group.cases) {
      const sample = await run();
      samples.get(name)?.push(sample);
      onSample(name, sample);
    }
  }
  return { title: group.title, cases: group.cases.map((bench) => resultOf(bench, samples)) };
}

function resultOf(bench: BenchCase, samples: ReadonlyMap<string, readonly Sample[]>): CaseResult {
  const own = samples.get(bench.name) ?? [];
  return {
    name: bench.name,
    side: bench.side,
    rowsPerS: median(own.map(speedOf)),
    jsonMbPerS: median(own.map(({ jsonMb, wallS }) => jsonMb / wallS)),
    wallS: median(own.map(({ wallS }) => wallS)),
    clientCpuS: median(own.map(({ clientCpuS }) => clientCpuS)),
    serverCpuS: median(own.map(({ serverCpuS }) => serverCpuS)),
    peakMb: Math.max(...own.map(({ peakMb }) => peakMb)),
    ratios: bench.targets.map(({ of, atLeast }) => {
      const others = samples.get(of) ?? [];
      const ratios = (figure: (sample: Sample) => number): readonly number[] =>
        own.flatMap((sample, round) => {
          const other = others[round];
          return other === undefined ? [] : [figure(sample) / figure(other)];
        });
      return {
        of,
        atLeast,
        ratio: median(ratios(speedOf)),
        withStart: median(ratios(({ rows, wallS, startupS = 0 }) => rows / (wallS + startupS))),
        cpuRatio: median(ratios((sample) => sample.rows / cpuOf(sample))),
      };
    }),
    notes: own.flatMap(({ note }) => (note === undefined ? [] : [note])),
    missed: own.flatMap(({ missed }) => (missed === undefined ? [] : [missed])),
  };
}

function speedOf({ rows, wallS }: Sample): number {
  return rows / wallS;
}

function cpuOf({ clientCpuS, serverCpuS }: Sample): number {
  return clientCpuS + serverCpuS;
}
