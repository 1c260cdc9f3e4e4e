// Owns: the rules DESIGN.md states about who may import whom, checked on every file of oci/ and src/.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import ts from 'typescript';
import { afterAll, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

/**
 * The rooms and what each may import, besides its own files. `main > cli > reproduce > build > image > solver > graph >
 * recipe > containerfile` is transitive; progress draws what others tell it, so anyone may name its events.
 */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  'src/main': ['src/cli', 'src/reproduce', ...below('src/reproduce')],
  'src/cli': ['src/reproduce', ...below('src/reproduce')],
  'src/build': below('src/build'),
  'src/reproduce': below('src/reproduce'),
  'src/provenance': below('src/provenance'),
  'src/digests': below('src/digests'),
  'src/signing': below('src/signing'),
  'src/image': below('src/image'),
  'src/solver': below('src/solver'),
  'src/graph': below('src/graph'),
  'src/recipe': below('src/recipe'),
  'src/containerfile': [],
  'src/fetch': below('src/fetch'),
  'src/root': [],
  'src/sandbox': [],
  'src/snapshot': [],
  'src/progress': [],
  'src/errors': [],
  oci: [],
  'oci/layer': ['oci', 'oci/codec'],
  'oci/codec': ['oci'],
  'oci/layout': ['oci', 'oci/layer', 'oci/codec'],
  'oci/diff': ['oci', 'oci/layout', 'oci/layer', 'oci/codec'],
  'oci/registry': ['oci', 'oci/layout', 'oci/layer', 'oci/codec'],
  'oci/signature': ['oci', 'oci/layout', 'oci/layer', 'oci/codec'],
};

/** Rooms any room of src/ may use. */
const COMMON = [
  'src/errors',
  'oci',
  'oci/layer',
  'oci/codec',
  'oci/layout',
  'oci/diff',
  'oci/registry',
  'oci/signature',
];

function below(room: string): readonly string[] {
  const order: Readonly<Record<string, readonly string[]>> = {
    'src/reproduce': ['src/build'],
    'src/build': ['src/signing', 'src/provenance', 'src/image', 'src/progress'],
    'src/provenance': ['src/image', 'src/digests'],
    'src/digests': ['src/recipe'],
    'src/signing': ['src/digests', 'src/recipe'],
    'src/image': ['src/solver'],
    'src/solver': ['src/graph', 'src/fetch', 'src/root', 'src/sandbox', 'src/snapshot', 'src/progress'],
    'src/graph': ['src/recipe'],
    'src/recipe': ['src/containerfile', 'src/root'],
    'src/fetch': ['src/recipe', 'src/progress'],
  };
  const direct = order[room] ?? [];
  return [...new Set(direct.flatMap((next) => [next, ...below(next)]))];
}

describe('this tree', () => {
  const files = readTree(ROOT);

  test('there is something to check', () => {
    expect(files.length).toBeGreaterThan(20);
    expect(files.some((file) => file.imports.length > 3)).toBe(true);
  });
  test('every rule holds', () => {
    expect(problemsOf(files)).toEqual([]);
  });
});

describe('the checks notice', () => {
  const OWNER = '// Owns: an example.\n';
  const folder = mkdtempSync(join(tmpdir(), 'architecture-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const cases: readonly (readonly [string, Readonly<Record<string, string>>, readonly string[]])[] = [
    [
      'nothing in a sound tree',
      { 'src/graph/a.ts': "import { b } from '../recipe/b.ts';", 'src/recipe/b.ts': 'export const b = 1;' },
      [],
    ],
    [
      'a room that looks up',
      { 'src/recipe/b.ts': "import '../graph/a.ts';", 'src/graph/a.ts': '' },
      ['src/recipe/b.ts: src/recipe may not import src/graph/a.ts'],
    ],
    [
      'rooms that do not know one another',
      { 'src/fetch/a.ts': "import type { X } from '../sandbox/b.ts';", 'src/sandbox/b.ts': '' },
      ['src/fetch/a.ts: src/fetch may not import src/sandbox/b.ts'],
    ],
    [
      'oci importing src',
      { 'oci/a.ts': "import '../src/errors.ts';", 'src/errors.ts': '' },
      ['oci/a.ts: oci may not import src/errors.ts'],
    ],
    [
      'a dynamic import, too',
      { 'src/image/a.ts': "export const a = () => import('../cli/b.ts');", 'src/cli/b.ts': '' },
      ['src/image/a.ts: src/image may not import src/cli/b.ts'],
    ],
    [
      'a re-export, too',
      { 'oci/codec/a.ts': "export { b } from '../layout/b.ts';\nexport const c = 1;", 'oci/layout/b.ts': '' },
      ['oci/codec/a.ts: oci/codec may not import oci/layout/b.ts'],
    ],
    [
      'a type import, too',
      { 'oci/codec/a.ts': "export type A = import('../layer/b.ts').B;", 'oci/layer/b.ts': '' },
      ['oci/codec/a.ts: oci/codec may not import oci/layer/b.ts'],
    ],
    [
      'a room nobody declared',
      { 'src/plugins/a.ts': '' },
      ['src/plugins/a.ts: src/plugins is not a room of DESIGN.md'],
    ],
    [
      'an import of a file that is not there',
      { 'oci/a.ts': "import './gone.ts';" },
      ['oci/a.ts: imports oci/gone.ts, which does not exist'],
    ],
    [
      'an import without .ts',
      { 'oci/a.ts': "import './b';", 'oci/b.ts': '' },
      ['oci/a.ts: imports oci/b, which does not exist'],
    ],
    [
      'a cycle',
      { 'oci/a.ts': "import './b.ts';", 'oci/b.ts': "import './c.ts';", 'oci/c.ts': "import './a.ts';" },
      ['cycle: oci/a.ts > oci/b.ts > oci/c.ts > oci/a.ts'],
    ],
    [
      'a barrel',
      { 'oci/a.ts': "export * from './b.ts';", 'oci/b.ts': '' },
      ['oci/a.ts: only passes on what other files export: a barrel'],
    ],
    ['an index file', { 'oci/index.ts': 'export const a = 1;' }, ['oci/index.ts: an index file is a barrel by name']],
    [
      'oci starting processes',
      { 'oci/a.ts': "import { spawn } from 'node:child_process';" },
      ['oci/a.ts: oci starts no process, but imports node:child_process'],
    ],
    [
      'oci starting processes by another name',
      { 'oci/a.ts': "const { execa } = await import('execa');" },
      ['oci/a.ts: oci starts no process, but imports execa'],
    ],
  ];
  test.each(cases)('%s', (name, contents, want) => {
    const tree = join(folder, name.replace(/[^a-z]/g, '-'));
    for (const [path, text] of Object.entries(contents)) {
      mkdirSync(join(tree, dirname(path)), { recursive: true });
      writeFileSync(join(tree, path), OWNER + text);
    }
    expect(problemsOf(readTree(tree))).toEqual(want);
  });

  test('a file that does not say what it owns', () => {
    const tree = join(folder, 'no-owner');
    mkdirSync(join(tree, 'oci'), { recursive: true });
    writeFileSync(join(tree, 'oci/a.ts'), 'export const a = 1; // Owns: too late\n');
    expect(problemsOf(readTree(tree))).toEqual(['oci/a.ts: does not begin with `// Owns:` or `// A program:`']);
  });
});

interface SourceFile {
  /** Relative to the tree, with `/`. */
  readonly path: string;
  readonly ownsSomething: boolean;
  readonly barrel: boolean;
  /** Files of the tree by path, everything else as written. */
  readonly imports: readonly string[];
  /** The part of them that is needed to run: type imports make no cycle. */
  readonly runtimeImports: readonly string[];
}

function readTree(root: string): readonly SourceFile[] {
  return ['oci', 'src']
    .flatMap((top) => listFiles(root, top))
    .sort()
    .map((path) => readSource(root, path));
}

function listFiles(root: string, folder: string): string[] {
  let entries: ReturnType<typeof listEntries>;
  try {
    entries = listEntries(join(root, folder));
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) return path === 'oci/codec/generated' ? [] : listFiles(root, path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

function listEntries(folder: string) {
  return readdirSync(folder, { withFileTypes: true });
}

function readSource(root: string, path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8');
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, false, ts.ScriptKind.TS);
  const imports = new Set<string>();
  const runtimeImports = new Set<string>();
  const add = (specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    const target = specifier.text.startsWith('.') ? posix.join(posix.dirname(path), specifier.text) : specifier.text;
    imports.add(target);
    if (!typeOnly) runtimeImports.add(target);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.isTypeOnly === true);
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(source);
  const passesOn = source.statements.filter((one) => ts.isExportDeclaration(one) && one.moduleSpecifier !== undefined);
  const own = source.statements.filter((one) => !ts.isExportDeclaration(one) && !ts.isImportDeclaration(one));
  return {
    path,
    ownsSomething: text.replace(/^#!.*\n/, '').match(/^\/\/ (Owns|A program): /) !== null,
    barrel: passesOn.length > 0 && own.length === 0,
    imports: [...imports],
    runtimeImports: [...runtimeImports],
  };
}

function problemsOf(files: readonly SourceFile[]): readonly string[] {
  const known = new Set(files.map((file) => file.path));
  return [...files.flatMap((file) => problemsOfFile(file, known)), ...cyclesOf(files)];
}

function problemsOfFile(file: SourceFile, known: ReadonlySet<string>): readonly string[] {
  const problems: string[] = [];
  const say = (problem: string): void => {
    problems.push(`${file.path}: ${problem}`);
  };
  const room = roomOf(file.path);
  const allowed = ROOMS[room];
  if (!file.ownsSomething) say('does not begin with `// Owns:` or `// A program:`');
  if (file.path.endsWith('/index.ts')) say('an index file is a barrel by name');
  else if (file.barrel) say('only passes on what other files export: a barrel');
  if (allowed === undefined) say(`${room} is not a room of DESIGN.md`);
  for (const target of file.imports) {
    const inTree = target.startsWith('oci/') || target.startsWith('src/');
    if (!inTree) {
      if (room.split('/')[0] === 'oci' && /^(node:)?child_process$|^execa$|^(node:)?cluster$/.test(target)) {
        say(`oci starts no process, but imports ${target}`);
      }
      continue;
    }
    if (target.startsWith('oci/codec/generated/')) {
      if (room !== 'oci/codec') say(`${room} may not import ${target}`);
      continue;
    }
    if (!known.has(target)) say(`imports ${target}, which does not exist`);
    const goal = roomOf(target);
    const common = room.startsWith('src/') && COMMON.includes(goal);
    // What a build tells its watchers is a noun; the renderers are not.
    const event = target === 'src/progress/event.ts' && room.startsWith('src/');
    if (goal !== room && !common && !event && allowed !== undefined && !allowed.includes(goal)) {
      say(`${room} may not import ${target}`);
    }
  }
  return problems;
}

/** `src/graph`, `oci/layer`; `oci` for the nouns; `src/main` for a file that is a room by itself. */
function roomOf(path: string): string {
  const [top, second, third] = path.split('/');
  if (third !== undefined) return `${top}/${second}`;
  return top === 'oci' ? 'oci' : `${top}/${second!.replace(/\.ts$/, '')}`;
}

function cyclesOf(files: readonly SourceFile[]): readonly string[] {
  const imports = new Map(files.map((file) => [file.path, file.runtimeImports] as const));
  const ended = new Set<string>();
  const cycles: string[] = [];
  const walk = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) cycles.push(`cycle: ${[...trail.slice(start), path].join(' > ')}`);
    if (start >= 0 || ended.has(path)) return;
    for (const next of imports.get(path) ?? []) walk(next, [...trail, path]);
    ended.add(path);
  };
  for (const path of [...imports.keys()].sort()) walk(path, []);
  return cycles;
}
