import type { Finding } from './problems.ts';
import type { SettingPath } from './yaml-source.ts';

/** A mapping of the parsed file, before anything is known about it. */
export type Settings = Readonly<Record<string, unknown>>;

/** What rules across settings found. Warnings do not keep a job from running. */
export interface Findings {
  readonly problems: readonly Finding[];
  readonly warnings: readonly Finding[];
}

/** Whether a value is a mapping. */
export function isSettings(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The entries of a list, or none. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** One problem if not exactly one of some settings is there. */
export function exactlyOne(settings: Settings, names: readonly string[], path: SettingPath): readonly Finding[] {
  const given = names.filter((name) => settings[name] !== undefined);
  if (given.length === 1) return [];
  const found = given.length === 0 ? 'found none of them' : `found ${given.join(' and ')}`;
  return [{ path, at: 'value', text: `${found} - allowed exactly one of ${names.join(', ')}` }];
}
