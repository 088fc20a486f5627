/**
 * Names of the workers of a job by the thread that they run in, this one first: as even as can be, at most one thread for each core, and each with at least `bytesPerThread` to read, since starting one
 * costs time and memory. Pure. `bytes`: of the tables that are going to be copied, on the source's disk.
 */
export function spreadWorkers(
  workers: number,
  { cores, bytes, bytesPerThread }: { readonly cores: number; readonly bytes: number; readonly bytesPerThread: number },
): readonly (readonly string[])[] {
  const threads = Math.max(1, Math.min(workers, cores, Math.floor(bytes / bytesPerThread)));
  const names = Array.from({ length: workers }, (_, index) => `w${String(index)}`);
  return Array.from({ length: threads }, (_, thread) => names.filter((_name, index) => index % threads === thread));
}
