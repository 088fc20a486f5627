import { posix } from 'node:path';
import ts from 'typescript';

/** Source texts by path from the root of the repository, with `/`. */
export type SourceTree = ReadonlyMap<string, string>;

interface Zone {
  readonly name: string;
  /** The first zone whose pattern matches a path is the path's zone. */
  readonly files: RegExp;
  /** Zones that its files may import, beside their own. */
  readonly zones: readonly string[];
  /** Packages that its files may import. `node:` modules are free everywhere but in the model. */
  readonly packages: readonly (string | RegExp)[];
}

const ROOTS = ['source', 'sink', 'ledger'];
const AWS = /^@aws-sdk\//;
/** Everything in the engine but the implementations of source, sink and ledger. */
const ENGINE = ['model', 'runtime', 'config', 'schedule', 'encode', 'plan', 'check', 'report', 'jobs', ...ROOTS];
const IMPLEMENTATIONS = ['source/postgres', 'sink/file', 'sink/s3', 'ledger/file', 'ledger/dynamodb'];

/** Who may import whom. What is not named here is refused. */
const ZONES: readonly Zone[] = [
  engine('model', { zones: [], packages: [] }),
  engine('runtime', { zones: ['model'], packages: [] }),
  engine('config', { zones: ['model'], packages: ['yaml', 'zod'] }),
  engine('schedule', { zones: ['model', 'config'], packages: ['croner'] }),
  // AssemblyScript: nothing else can import it, nor it anything else.
  engine('encode/kernel', { zones: [], packages: [] }),
  engine('encode', { zones: ['model'], packages: [] }),
  engine('plan', { zones: ['model', 'config', 'encode'], packages: [] }),
  engine('check', { zones: ['model', 'config', 'plan', ...ROOTS], packages: [] }),
  engine('report', { zones: ['model', 'config', 'encode', 'schedule', 'ledger'], packages: ['zod'] }),
  engine('jobs', { zones: ['model', 'runtime', 'encode', 'plan', 'report', ...ROOTS], packages: [] }),
  engine('source/postgres', { zones: ['source', 'model', 'runtime', 'encode'], packages: ['pg', 'ssh2'] }),
  engine('sink/file', { zones: ['sink', 'model', 'runtime'], packages: [] }),
  engine('sink/s3', { zones: ['sink', 'model', 'runtime'], packages: ['@aws-sdk/client-s3', /^@smithy\//] }),
  engine('ledger/file', { zones: ['ledger', 'model', 'runtime'], packages: [] }),
  engine('ledger/dynamodb', { zones: ['ledger', 'model', 'runtime'], packages: ['@aws-sdk/client-dynamodb', /^@smithy\//] }),
  ...ROOTS.map((root) => ({
    name: root,
    files: new RegExp(`^functions/engine/${root}/[^/]+$`),
    zones: ['model', 'runtime', 'encode'],
    packages: [],
  })),
  { name: 'functions/contract', files: /^functions\/contract\.ts$/, zones: [], packages: [] },
  { name: 'functions/cli', files: /^functions\/cli\//, zones: ENGINE, packages: ['commander', 'yaml'] },
  {
    name: 'functions/demo',
    files: /^functions\/demo\//,
    zones: ['model', 'runtime', 'config', 'functions/cli', 'wiring'],
    packages: ['pg', 'yaml'],
  },
  // Wiring too: what runs in a thread of a large job.
  {
    name: 'functions/threads',
    files: /^functions\/threads\//,
    zones: ['model', 'runtime', 'config', 'source', 'ledger', 'jobs', 'wiring'],
    packages: [],
  },
  // The only files that choose implementations, and that clients of AWS are made in.
  {
    name: 'wiring',
    files: /^functions\/[^/]+$/,
    zones: [...ENGINE, ...IMPLEMENTATIONS, 'functions/contract', 'functions/cli', 'functions/aws', 'functions/threads'],
    packages: [AWS, /^@smithy\//],
  },
  // Wiring too: what runs in Lambda.
  {
    name: 'functions/aws',
    files: /^functions\/aws\//,
    zones: [...ENGINE, 'sink/s3', 'ledger/dynamodb', 'functions/contract', 'wiring'],
    packages: [AWS, /^@smithy\//],
  },
  {
    name: 'bin',
    files: /^bin\//,
    zones: [...ENGINE, 'wiring', 'functions/cli', 'functions/demo', 'lib'],
    packages: [/^aws-cdk-lib(\/|$)/, 'constructs'],
  },
  {
    name: 'lib',
    files: /^lib\//,
    zones: ['functions/contract', 'config', 'schedule', 'report'],
    packages: [/^aws-cdk-lib(\/|$)/, 'constructs'],
  },
];

const MAX_LINES = 400;

/** Everything in `tree` that breaks the rules of the architecture, one line each: what, where, and which rule. */
export function architectureViolations(tree: SourceTree): readonly string[] {
  const imports = new Map([...tree].map(([path, text]) => [path, importsOf(path, text)]));
  return [
    ...[...tree].flatMap(([path, text]) => fileViolations(path, text)),
    ...[...imports].flatMap(([path, targets]) => targets.flatMap(({ target }) => importViolation(path, target, tree))),
    ...cycles(imports).map((cycle) => `cycle: ${cycle.join(' -> ')}`),
  ];
}

function engine(name: string, allowed: Pick<Zone, 'zones' | 'packages'>): Zone {
  return { name, files: new RegExp(`^functions/engine/${name}/`), ...allowed };
}

function zoneOf(path: string): Zone | undefined {
  return ZONES.find(({ files }) => files.test(path));
}

function fileViolations(path: string, text: string): readonly string[] {
  const isEngine = path.startsWith('functions/engine/');
  const lines = text.split('\n').length - 1;
  return [
    ...(lines > MAX_LINES ? [`${path}: ${lines} lines, at most ${MAX_LINES}`] : []),
    ...(zoneOf(path) === undefined ? [`${path}: in no zone of the architecture`] : []),
    ...(isEngine && /(^|\/)index\.ts$/.test(path) ? [`${path}: no barrels inside the engine`] : []),
    ...(isEngine && readsEnvironment(path, text) ? [`${path}: the engine does not read process.env`] : []),
  ];
}

function importViolation(path: string, target: string, tree: SourceTree): readonly string[] {
  const zone = zoneOf(path);
  if (zone === undefined) return [];
  if (!target.startsWith('.')) return mayImportPackage(zone, target) ? [] : [`${path}: ${zone.name} may not import ${target}`];
  const resolved = resolveFrom(path, target);
  if (!tree.has(resolved)) return [`${path}: imports ${resolved}, which is not part of the sources`];
  const other = zoneOf(resolved);
  const isAllowed = other === zone || (other !== undefined && zone.zones.includes(other.name));
  return isAllowed ? [] : [`${path}: ${zone.name} may not import ${resolved}`];
}

function mayImportPackage(zone: Zone, target: string): boolean {
  if (target.startsWith('node:')) return zone.name !== 'model' && target !== 'node:process';
  return zone.packages.some((allowed) =>
    typeof allowed === 'string' ? target === allowed || target.startsWith(`${allowed}/`) : allowed.test(target),
  );
}

interface Import {
  readonly target: string;
  /** `types` is gone at run time (`import type`; with `verbatimModuleSyntax` nothing else is). */
  readonly kind: 'types' | 'values';
}

/** Static, dynamic and type-only imports and re-exports. */
function importsOf(path: string, text: string): readonly Import[] {
  const targets: Import[] = [];
  visit(parse(path, text), (node) => {
    const specifier = specifierOf(node);
    if (specifier !== undefined && ts.isStringLiteralLike(specifier))
      targets.push({ target: specifier.text, kind: isErased(node) ? 'types' : 'values' });
  });
  return targets;
}

function isErased(node: ts.Node): boolean {
  if (ts.isImportDeclaration(node)) return node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
  return ts.isImportTypeNode(node) || (ts.isExportDeclaration(node) && node.isTypeOnly);
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined;
  if (ts.isCallExpression(node) && (node.expression.kind === ts.SyntaxKind.ImportKeyword || isNamed(node.expression, 'require')))
    return node.arguments[0];
  return undefined;
}

function readsEnvironment(path: string, text: string): boolean {
  let found = false;
  visit(parse(path, text), (node) => {
    const isAccess = ts.isPropertyAccessExpression(node) && isNamed(node.expression, 'process') && node.name.text === 'env';
    const isIndexed = ts.isElementAccessExpression(node) && isNamed(node.expression, 'process');
    const isTakenApart = ts.isVariableDeclaration(node) && node.initializer !== undefined && isNamed(node.initializer, 'process');
    found ||= isAccess || isIndexed || isTakenApart;
  });
  return found;
}

function isNamed(node: ts.Node, name: string): boolean {
  return ts.isIdentifier(node) && node.text === name;
}

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2022);
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  ts.forEachChild(node, (child) => {
    visit(child, see);
  });
}

function resolveFrom(path: string, target: string): string {
  return posix.normalize(posix.join(posix.dirname(path), target));
}

/** One cycle for each file that closes one, by depth-first search. Types may refer to each other within a folder: they have no order of loading. */
function cycles(imports: ReadonlyMap<string, readonly Import[]>): readonly (readonly string[])[] {
  const found: (readonly string[])[] = [];
  const done = new Set<string>();
  const descend = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) return void found.push([...trail.slice(at), path]);
    if (done.has(path)) return;
    for (const { target, kind } of imports.get(path) ?? []) {
      if (kind === 'values' && target.startsWith('.')) descend(resolveFrom(path, target), [...trail, path]);
    }
    done.add(path);
  };
  for (const path of imports.keys()) descend(path, []);
  return found;
}
