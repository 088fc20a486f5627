/** What PostgreSQL keeps of an `application_name` (NAMEDATALEN - 1), in bytes; names of integrations and jobs are ASCII. */
const APPLICATION_NAME_BYTES = 63;

/** How sessions of a job show in `pg_stat_activity`. Of a long integration's name the end is left out, since it is the job that tells sessions apart. */
export function applicationName(integration: string, job: string): string {
  const room = APPLICATION_NAME_BYTES - `backstitch  ${job}`.length;
  return `backstitch ${integration.slice(0, Math.max(room, 0))} ${job}`;
}

/** The job that a session says it belongs to; undefined if it is none of ours. */
export function jobOfSession(name: string | null): string | undefined {
  return /^backstitch .* (\S+)$/.exec(name ?? '')?.[1];
}
