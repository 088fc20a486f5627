// Loaded into a child by --import: at its end, writes its peak of resident memory in KiB to the file named by BACKSTITCH_PEAK_FILE.
// VmHWM belongs to the program alone; getrusage's figure, used where there is no /proc, may be that of the process that started it.
import { readFileSync, writeFileSync } from 'node:fs';

process.on('exit', () => {
  const file = process.env['BACKSTITCH_PEAK_FILE'];
  if (file !== undefined) writeFileSync(file, String(peakKiB()));
});

function peakKiB() {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  } catch {
    return process.resourceUsage().maxRSS;
  }
}
