import { configReference } from '../functions/engine/config/reference.ts';
import { ERRORS } from '../functions/engine/model/error-codes.ts';
import { FAILPOINTS } from '../functions/engine/runtime/failpoint-list.ts';

/** Pages of docs/ that are made from the code; a test keeps them equal. */
export const REFERENCE_PAGES: Readonly<Record<string, () => string>> = {
  'docs/configuration.md': () =>
    [
      '# Configuration',
      '',
      'One YAML file, `backstitch.yaml`, is the single source of truth for the command line and the AWS app; it belongs in git. Secrets are references, never values.',
      'This page is made from the schema that checks the file: `npm run docs` writes it anew.',
      '',
      configReference().trim(),
      '',
    ].join('\n'),
  'docs/errors.md': () =>
    [
      '# Errors',
      '',
      'Every failure that an operator can meet has a code that never changes, says what and where, and names one thing to do. `{braces}` are filled in.',
      '"Again": `next-run` cures itself or is tried again by the next job; `after-fix` needs you first; `never` cannot be cured.',
      '',
      '| code | what and where | what to do | again |',
      '|---|---|---|---|',
      ...Object.entries(ERRORS).map(
        ([code, { summary, remedy, retry }]) => `| \`${code}\` | ${cell(summary)} | ${cell(remedy)} | ${retry} |`,
      ),
      '',
    ].join('\n'),
  'docs/failpoints.md': () =>
    [
      '# Failpoints',
      '',
      'Named places on both sides of every step that makes something durable. Tests kill, freeze or fail a process exactly there; in production nothing can, and a failpoint costs one',
      'comparison. [The crash matrix](crash-matrix.md) kills jobs at each of them. This page is made from the list that the product is compiled against: `npm run docs` writes it anew.',
      '',
      '| failpoint | where | durable there | not yet |',
      '|---|---|---|---|',
      ...Object.entries(FAILPOINTS).map(
        ([name, { where, durable, missing }]) => `| \`${name}\` | ${cell(where)} | ${cell(durable)} | ${cell(missing)} |`,
      ),
      '',
    ].join('\n'),
};

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('<', '&lt;');
}
