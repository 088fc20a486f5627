import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const INSTALLER = fileURLToPath(new URL('../../../scripts/install-lambda-node.mjs', import.meta.url));

let installed: Promise<string> | undefined;

/** Path of the Node.js that Lambda has; installed when it is first asked for. */
export function lambdaNode(): Promise<string> {
  installed ??= promisify(execFile)(process.execPath, [INSTALLER]).then(({ stdout }) => stdout.trim());
  return installed;
}
