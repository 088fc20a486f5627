import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Whether a program of the system is there. Tests that need an absent one are reported as skipped; CI installs all of them. */
export function hasProgram(name: 'sshd' | 'ssh-keygen' | 'pgbouncer' | 'openssl' | 'cfn-lint'): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  return folders.some((folder) => existsSync(join(folder, name)));
}
