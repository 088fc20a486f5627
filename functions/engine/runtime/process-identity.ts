import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';

/**
 * Names this process so that another one on the same machine can tell whether it still lives. Machine and boot are part of it: of a process elsewhere, or before a
 * restart, nothing can be told. On Linux the start time too, since process ids are used again.
 */
export async function processIdentity(): Promise<string> {
  return JSON.stringify([
    hostname(),
    await lineOf('/etc/machine-id'),
    await lineOf('/proc/sys/kernel/random/boot_id'),
    process.pid,
    await startOf(process.pid),
  ]);
}

/** Whether the process that `identity` names is certainly gone. False whenever that cannot be told. */
export async function isProcessGone(identity: string): Promise<boolean> {
  const [host, machine, boot, pid, start] = parse(identity);
  const own = parse(await processIdentity());
  // Two machines of one name may share a folder; without a boot id nothing tells them apart.
  if (boot === '' || host !== own[0] || machine !== own[1] || boot !== own[2] || !Number.isInteger(pid) || pid <= 0) return false;
  if (start !== '' && start !== (await startOf(pid))) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}

function parse(identity: string): readonly [host: string, machine: string, boot: string, pid: number, start: string] {
  try {
    const parts: unknown = JSON.parse(identity);
    if (Array.isArray(parts) && parts.length === 5) {
      const [host, machine, boot, pid, start] = parts as readonly unknown[];
      return [String(host), String(machine), String(boot), Number(pid), String(start)];
    }
  } catch {
    // Not one of ours: nothing can be told of it.
  }
  return ['', '', '', 0, ''];
}

async function lineOf(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => '')).trim();
}

/** Field 22 of /proc/<pid>/stat, clock ticks since boot (proc(5)); the name before it may hold blanks and brackets. Empty if there is no such process, or no /proc. */
async function startOf(pid: number): Promise<string> {
  const stat = await lineOf(`/proc/${String(pid)}/stat`);
  return (
    stat
      .slice(stat.lastIndexOf(')') + 1)
      .trim()
      .split(/\s+/)[19] ?? ''
  );
}
