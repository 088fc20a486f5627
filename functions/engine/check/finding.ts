/** `error`: no job can run, or its data would be wrong; `warning`: jobs run, but something will hurt; `info`: good to know. */
export type Severity = 'error' | 'warning' | 'info';

/** What a finding is about, in the order of a report. */
export const AREAS = ['connection', 'server', 'privileges', 'selection', 'log', 'tables', 'destination', 'state'] as const;

export type Area = (typeof AREAS)[number];

/**
 * What to do: SQL to run as owner or superuser in the database that the finding is about, one statement a line; a parameter of the server; an IAM statement;
 * a change of the configuration; a command, or something else to do by hand.
 */
export interface Fix {
  readonly kind: 'sql' | 'parameter' | 'iam' | 'config' | 'command';
  readonly text: string;
}

/** One thing that a preflight found. */
export interface Finding {
  readonly severity: Severity;
  /** Stable. The code of the error that a job would end with, where there is one. */
  readonly code: string;
  readonly area: Area;
  /** One sentence. */
  readonly what: string;
  /** The database, stream, slot or address that it is about. */
  readonly where: string;
  /** What happens if nothing is done; one sentence. */
  readonly why: string;
  readonly fix: Fix;
}

/** What one preflight came to. */
export interface CheckReport {
  readonly integration: string;
  /** Whether a job can run: nothing of severity `error` was found. */
  readonly ok: boolean;
  /** Null where nothing could be asked of it. */
  readonly server: { readonly version: string; readonly flavour: string; readonly inRecovery: boolean } | null;
  /** Streams that are selected, by method. */
  readonly streams: { readonly FULL_TABLE: number; readonly INCREMENTAL: number; readonly LOG_BASED: number };
  /** By area, the worst first. */
  readonly findings: readonly Finding[];
}

const SEVERITIES: readonly Severity[] = ['error', 'warning', 'info'];

/** The order of a report: by area, the worst first, then as they were found. */
export function inOrder(findings: readonly Finding[]): readonly Finding[] {
  return [...findings].sort(
    (a, b) => AREAS.indexOf(a.area) - AREAS.indexOf(b.area) || SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity),
  );
}

/** Names for a sentence: a few of them, and how many more there are. */
export function some(names: readonly string[], shown = 5): string {
  return names.length <= shown
    ? names.join(', ')
    : `${names.slice(0, shown).join(', ')} and ${String(names.length - shown)} more`;
}
