import type { IntegrationConfig, SecretRef } from '../engine/config/config.ts';

type Literal = Extract<SecretRef, { readonly kind: 'literal' }>;

/** What stands for a literal secret between threads: functions cannot be copied. */
interface CopiedLiteral {
  readonly kind: 'copied-literal';
  readonly text: string;
  readonly where: string;
}

/** An integration in a form that can be copied into another thread. Never print it: literal secrets are plain text in it. */
export function withCopiedSecrets(integration: IntegrationConfig): IntegrationConfig {
  return mapObjects(integration, (value) =>
    isLiteral(value) ? ({ kind: 'copied-literal', text: value.reveal(), where: value.where } satisfies CopiedLiteral) : undefined,
  );
}

/** The integration that was copied. */
export function withRevealedSecrets(integration: IntegrationConfig): IntegrationConfig {
  return mapObjects(integration, (value) =>
    isCopied(value) ? ({ kind: 'literal', reveal: () => value.text, where: value.where } satisfies Literal) : undefined,
  );
}

/** Replaces the objects that `replace` has something for, at any depth. */
function mapObjects<T>(value: T, replace: (value: object) => object | undefined): T {
  if (typeof value !== 'object' || value === null) return value;
  const replaced = replace(value);
  if (replaced !== undefined) return replaced as T;
  if (Array.isArray(value)) return value.map((item: unknown) => mapObjects(item, replace)) as T;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]: [string, unknown]) => [name, mapObjects(inner, replace)]),
  ) as T;
}

function isLiteral(value: object): value is Literal {
  return 'reveal' in value && typeof value.reveal === 'function';
}

function isCopied(value: object): value is CopiedLiteral {
  return 'kind' in value && value.kind === 'copied-literal';
}
