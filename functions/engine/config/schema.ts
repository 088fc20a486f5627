import { z } from 'zod';
import { aws } from './schema-aws.ts';
import { destination, state } from './schema-destination.ts';
import { integration } from './schema-integration.ts';
import { listOf, mapping } from './schema-parts.ts';

/**
 * `backstitch.yaml` as it is written: types, validation, defaults, the published JSON Schema and the reference come from here.
 * Rules across settings are in `rules.ts`; units and paths are resolved by `resolve.ts`.
 */
export const configDocument = mapping({
  destination,
  state,
  integrations: listOf(integration, 'a list of at least one integration').describe(
    'What is replicated: one entry for each PostgreSQL server entry point.',
  ),
  aws: aws.optional(),
});

export type ConfigDocument = z.output<typeof configDocument>;

let jsonSchema: Readonly<Record<string, unknown>> | undefined;

/** The JSON Schema of the file as users write it (draft 7, which editors know best). */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  if (jsonSchema === undefined) {
    const { $schema, ...schema } = z.toJSONSchema(configDocument, { io: 'input', target: 'draft-7' });
    jsonSchema = { $schema, title: 'Backstitch configuration', ...schema };
  }
  return jsonSchema;
}
