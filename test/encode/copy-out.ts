import type pg from 'pg';

/** The settings that every session of ours pins: the text that values have depends on them. */
export const PINNED_SETTINGS = `set timezone = 'UTC'; set datestyle = 'ISO'; set intervalstyle = 'iso_8601'; set extra_float_digits = 3;
  set bytea_output = 'hex'; set client_encoding = 'UTF8'; set lc_monetary = 'C'`;

/** Runs `copy ... to stdout` and gives what PostgreSQL sent, one message (a row and its newline) each. */
export async function copyOut(client: pg.Client, sql: string): Promise<readonly Buffer[]> {
  return new Promise((resolve, reject) => {
    const rows: Buffer[] = [];
    let failure: Error | undefined;
    const submittable = {
      submit: (connection: { query(text: string): void }) => connection.query(sql),
      handleRowDescription: () => undefined,
      handleDataRow: () => undefined,
      handleCopyData: ({ chunk }: { readonly chunk: Buffer }) => void rows.push(Buffer.from(chunk)),
      handleCommandComplete: () => undefined,
      handleError: (error: Error) => {
        failure = error;
        reject(error);
      },
      handleReadyForQuery: () => {
        if (failure === undefined) resolve(rows);
      },
    };
    client.query(submittable as unknown as pg.Submittable);
  });
}
