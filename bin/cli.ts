#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { systemClock } from '../functions/engine/runtime/clock.ts';
import { processConsole } from '../functions/cli/console.ts';
import { main } from '../functions/cli/main.ts';

process.exitCode = await main(process.argv.slice(2), {
  version: packageVersion(),
  console: processConsole(process),
  signals: process,
  clock: systemClock,
  // Loaded when needed: --help must not wait for the AWS SDK.
  openWorkspace: async ({ configPath }) => (await import('../functions/local.ts')).openLocal({ configPath, env: process.env }),
  createSshKey: async (request, signal) => (await import('../functions/ssh-key.ts')).createSshKey(request, signal),
  startExecution: async (request, signal) => (await import('../functions/start-execution.ts')).startExecution(request, signal),
  runDemo: async (request) => (await import('../functions/demo/demo.ts')).runDemo(request),
});

/** The version of the package, from its source tree or from its build in `dist/bin`. */
function packageVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const parsed: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      if (typeof parsed === 'object' && parsed !== null && 'version' in parsed) return String(parsed.version);
    } catch {
      continue;
    }
  }
  return 'unknown';
}
