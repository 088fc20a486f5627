import { readFile } from 'node:fs/promises';
import { ReplicationError } from '../model/errors.ts';
import type { Config } from './config.ts';
import { findingsOf, formatPath } from './problems.ts';
import type { Finding } from './problems.ts';
import { resolveConfig } from './resolve.ts';
import { crossCheck } from './rules.ts';
import { configDocument } from './schema.ts';
import { parseYaml } from './yaml-source.ts';
import type { YamlSource } from './yaml-source.ts';

/** A configuration that is free of errors. */
export interface LoadedConfig {
  /** As given. */
  readonly file: string;
  readonly config: Config;
  /** `file:line:column: path: text`, in the order of the file: what works but should be looked at. */
  readonly warnings: readonly string[];
}

/** More lines than these help nobody. */
const MAX_PROBLEMS = 50;
const MAX_FILE_BYTES = 16 * 2 ** 20;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
};

/** Reads and checks a configuration file. Throws `config-unreadable`, or `config-invalid` with every error at once. Reads no secret. */
export async function loadConfig(path: string, signal: AbortSignal): Promise<LoadedConfig> {
  let text: string;
  try {
    const bytes = await readFile(path, { signal });
    if (bytes.length > MAX_FILE_BYTES)
      throw new ReplicationError('config-unreadable', { file: path, reason: 'it is larger than 16 MiB' });
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ReplicationError) throw error;
    throw new ReplicationError('config-unreadable', { file: path, reason: reasonOf(error) }, { cause: error });
  }
  return loadConfigText(text, path);
}

/** Checks the text of a configuration file; `file` is its name for messages, and its folder is where relative paths begin. Throws `config-invalid`. */
export function loadConfigText(text: string, file: string): LoadedConfig {
  const source = parseYaml(text);
  const lines: Line[] = source.errors.map((error) => ({ ...error.position, text: error.text }));
  if (source.errors.length > 0 && source.value === undefined) throw invalid(file, lines);

  const parsed = configDocument.safeParse(source.value ?? undefined);
  const rules = crossCheck(source.value);
  if (!parsed.success) lines.push(...findingsOf(parsed.error, source.value).map((finding) => lineOf(finding, source)));
  lines.push(...rules.problems.map((finding) => lineOf(finding, source)));
  if (lines.length > 0 || !parsed.success) throw invalid(file, lines);

  return {
    file,
    config: resolveConfig(parsed.data, file),
    warnings: inOrder(rules.warnings.map((finding) => lineOf(finding, source))).map((line) => print(file, line)),
  };
}

interface Line {
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

function lineOf(finding: Finding, source: YamlSource): Line {
  const path = formatPath(finding.path);
  return { ...source.locate(finding.path, finding.at), text: path === '' ? finding.text : `${path}: ${finding.text}` };
}

function inOrder(lines: readonly Line[]): readonly Line[] {
  const unique = new Map(lines.map((line) => [`${line.line}:${line.column}:${line.text}`, line]));
  return [...unique.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

function print(file: string, { line, column, text }: Line): string {
  return `${file}:${line}:${column}: ${text}`;
}

function invalid(file: string, lines: readonly Line[]): ReplicationError<'config-invalid'> {
  const all = inOrder(lines);
  const shown = all.slice(0, MAX_PROBLEMS).map((line) => print(file, line));
  if (all.length > MAX_PROBLEMS) shown.push(`... and ${all.length - MAX_PROBLEMS} more`);
  return new ReplicationError('config-invalid', { file, count: all.length, problems: shown.join('\n') });
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'it is not UTF-8 text';
  return code === undefined ? 'it could not be opened' : (REASONS[code] ?? code);
}
