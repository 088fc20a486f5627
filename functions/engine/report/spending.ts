import type { Json } from '../ledger/ledger.ts';

/** What a job used of AWS, as it was measured by those who used it. */
export interface Spending {
  /** Invocations of functions. */
  readonly invocations: number;
  /** Memory times duration, start-up included. */
  readonly gbSeconds: number;
  /** Of the state machine. */
  readonly transitions: number;
  /** Units of DynamoDB, as it reports them. */
  readonly readUnits: number;
  readonly writeUnits: number;
  /** Requests of S3's price classes: PUT, COPY, POST and LIST; GET and the rest. Deleting and aborting is free. */
  readonly puts: number;
  readonly gets: number;
}

export const NO_SPENDING: Spending = {
  invocations: 0,
  gbSeconds: 0,
  transitions: 0,
  readUnits: 0,
  writeUnits: 0,
  puts: 0,
  gets: 0,
};

/** The sum of two. */
export function addSpending(a: Spending, b: Spending): Spending {
  return {
    invocations: a.invocations + b.invocations,
    gbSeconds: a.gbSeconds + b.gbSeconds,
    transitions: a.transitions + b.transitions,
    readUnits: a.readUnits + b.readUnits,
    writeUnits: a.writeUnits + b.writeUnits,
    puts: a.puts + b.puts,
    gets: a.gets + b.gets,
  };
}

/** As the record of a job keeps it. */
export function spendingJson(spending: Spending): Json {
  return { ...spending };
}

/** Reads it; undefined if there is none, or one of another form. */
export function parseSpending(value: unknown): Spending | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  return Object.keys(NO_SPENDING).every((name) => Number.isFinite(fields[name])) ? (value as Spending) : undefined;
}
