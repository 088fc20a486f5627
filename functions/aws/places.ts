import { environment } from '../contract.ts';
import type { Config } from '../engine/config/config.ts';
import { ReplicationError } from '../engine/model/errors.ts';

/** Where an integration's objects and its ledger are. */
export interface Places {
  readonly destination: { readonly url: string; readonly bucket: string; readonly prefix: string };
  readonly state: { readonly url: string; readonly table: string };
}

/** The places of a function: those that its environment names, else those of the configuration. Throws `place-not-for-aws`. */
export function placesOf(config: Config, env: Readonly<Record<string, string | undefined>>): Places {
  return {
    destination: destinationOf(config.destination, env[environment.destination]),
    state: stateOf(config.state, env[environment.state]),
  };
}

function destinationOf({ url, location }: Config['destination'], given: string | undefined): Places['destination'] {
  if (given !== undefined) {
    const { bucket, prefix } = /^s3:\/\/(?<bucket>[^/]+)(?:\/(?<prefix>.*))?$/.exec(given)?.groups ?? {};
    if (bucket === undefined) throw new ReplicationError('place-not-for-aws', { what: 'The destination', url: given });
    return { url: given, bucket, prefix: (prefix ?? '').replaceAll(/^\/+|\/+$/g, '') };
  }
  if (location.kind !== 's3') throw new ReplicationError('place-not-for-aws', { what: 'The destination', url });
  return { url, bucket: location.bucket, prefix: location.prefix };
}

function stateOf({ url, location }: Config['state'], given: string | undefined): Places['state'] {
  if (given !== undefined) {
    const { table } = /^dynamodb:\/\/(?<table>[^/]+)$/.exec(given)?.groups ?? {};
    if (table === undefined) throw new ReplicationError('place-not-for-aws', { what: 'The state', url: given });
    return { url: given, table };
  }
  if (location.kind !== 'dynamodb') throw new ReplicationError('place-not-for-aws', { what: 'The state', url });
  return { url, table: location.table };
}
