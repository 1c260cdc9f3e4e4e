// Lets a plain node process of these tests import the sources as they are: types are erased file by file.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export async function load(url, context, next) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context);
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true };
  const source = ts.transpileModule(readFileSync(fileURLToPath(url), 'utf8'), { compilerOptions: options }).outputText;
  return { format: 'module', source, shortCircuit: true };
}
