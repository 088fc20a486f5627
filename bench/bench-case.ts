import type { RunCost } from './process-facts.ts';
import type { BenchServer } from './server.ts';

/** One run of one case. */
export interface Sample extends RunCost {
  readonly rows: number;
  /** Bytes of JSON that the rows came to, 10^6; 0 where no JSON is made. */
  readonly jsonMb: number;
  readonly serverCpuS: number;
  /** From the start of our process until the job began: loading the program. Absent for limits, whose time begins with their process. */
  readonly startupS?: number;
  /** What this case adds to the notes below the table. */
  readonly note?: string;
  /** What of this run is not as wanted, beside its targets. */
  readonly missed?: string;
}

/** What a case must reach against another one, as the median over rounds of rows per second in the same round. */
export interface Target {
  readonly of: string;
  readonly atLeast: number;
}

/** Something to measure. Names are unique within a group. */
export interface BenchCase {
  readonly name: string;
  /** `limit`: a program of PostgreSQL; `ours`. */
  readonly side: 'limit' | 'ours';
  readonly targets: readonly Target[];
  readonly run: () => Promise<Sample>;
}

/** Cases that run in turns against one server. */
export interface BenchGroup extends AsyncDisposable {
  readonly title: string;
  readonly cases: readonly BenchCase[];
}

/** Adds what the server spent meanwhile. */
export async function withServerCpu<T extends RunCost>(
  server: BenchServer,
  act: () => Promise<T>,
): Promise<T & { readonly serverCpuS: number }> {
  const before = await server.cpuSeconds();
  const cost = await act();
  return { ...cost, serverCpuS: (await server.cpuSeconds()) - before };
}
