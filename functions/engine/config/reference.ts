import { configJsonSchema } from './schema.ts';

interface Node {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: string;
  readonly description?: string;
  readonly default?: string | number | boolean | object;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
}

const REFERENCE_FIELDS = new Set(['env', 'file', 'secret']);

/** Every setting of the configuration file as a Markdown table, made from the schema. */
export function configReference(): string {
  const rows = settings(configJsonSchema(), '');
  return ['| Setting | Value | Default | Meaning |', '|---|---|---|---|', ...rows].join('\n');
}

function settings(node: Node, prefix: string): readonly string[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, setting]) => {
    const isRequired = node.required?.includes(name) === true;
    const isList = setting.items?.properties !== undefined;
    const path = `${prefix}${name}${isList ? '[]' : ''}`;
    const row = `| \`${path}\` | ${cell(valueOf(setting))} | ${isRequired ? 'required' : defaultOf(setting)} | ${cell(setting.description ?? '')} |`;
    if (isReference(setting)) return [row];
    return [row, ...settings(isList ? (setting.items ?? {}) : setting, `${path}.`)];
  });
}

function valueOf(node: Node): string {
  if (node.enum !== undefined) return node.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (node.const !== undefined) return `\`${node.const}\``;
  if (node.anyOf !== undefined) return node.anyOf.map(valueOf).join(' or ');
  if (isReference(node)) return '`{ env }`, `{ file }` or `{ secret, field }`';
  if (node.items !== undefined) return node.items.properties === undefined ? 'list' : 'list of mappings';
  if (node.properties !== undefined) return 'mapping';
  if (node.type === 'integer') return `${node.minimum ?? ''} to ${node.maximum ?? ''}`;
  if (node.type === 'boolean') return '`true`, `false`';
  return typeof node.type === 'object' ? 'text or number' : 'text';
}

function defaultOf(node: Node): string {
  if (node.default === undefined || typeof node.default === 'object') return '';
  return `\`${node.default}\``;
}

function isReference(node: Node): boolean {
  return (
    Object.keys(node.properties ?? {}).some((name) => REFERENCE_FIELDS.has(name)) || (node.anyOf?.some(isReference) ?? false)
  );
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
