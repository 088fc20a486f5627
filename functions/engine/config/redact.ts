import type { Config, SecretRef } from './config.ts';

/** A configuration as plain JSON for printing: references as they are, literal secrets hidden. */
export function redacted(config: Config): unknown {
  return hide(config);
}

/** Settings that hold a literal secret, e.g. `integrations.shop.connection.password`: to be refused in AWS, where the configuration is part of a template. */
export function literalSecrets(config: Config): readonly string[] {
  return config.integrations.flatMap(({ connection: { auth, ssl, ssh } }) => {
    const password = auth.kind === 'password' ? auth.password : undefined;
    const references = [password, ssl.ca, ssl.cert, ssl.key, ssh?.privateKey, ssh?.passphrase];
    return references.flatMap((reference) => (reference?.kind === 'literal' ? [reference.where] : []));
  });
}

function hide(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hide);
  if (typeof value === 'function') return '(hidden)';
  if (typeof value !== 'object' || value === null) return value;
  if (isLiteral(value)) return { kind: 'literal', value: '(hidden)' };
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hide(inner)]));
}

function isLiteral(value: object): value is SecretRef & { readonly kind: 'literal' } {
  return 'kind' in value && value.kind === 'literal';
}
