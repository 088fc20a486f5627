/** The slot of a database where the configuration names none. Slot names take `[a-z0-9_]`, up to 63. https://www.postgresql.org/docs/current/warm-standby.html#STREAMING-REPLICATION-SLOTS */
export function defaultSlotName(database: string): string {
  return `backstitch_${database.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_')}`.slice(0, 63);
}

/** The publication beside the one of a slot: for tables without a replica identity, of which only inserts may be published. */
export function insertsPublicationName(publication: string): string {
  return `${publication.slice(0, 55)}_inserts`;
}
