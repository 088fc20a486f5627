import { writeFile } from 'node:fs/promises';
import type { TestWorkspace } from '../support/workspace.ts';

/** Replaces the configuration of a test workspace by one with this connection, as a YAML (or JSON) value. */
export async function configureConnection(
  workspace: TestWorkspace,
  connection: Readonly<Record<string, unknown>>,
  lines: readonly string[],
): Promise<void> {
  const text = [
    'destination: { url: file:./out }',
    'state: { url: file:./state }',
    'integrations:',
    '  - name: shop',
    `    connection: ${JSON.stringify(connection)}`,
    ...lines.map((line) => `    ${line}`),
    '',
  ].join('\n');
  await writeFile(workspace.configPath, text);
}
