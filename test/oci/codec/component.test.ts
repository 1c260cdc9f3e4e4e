// The component reaches for nothing outside itself, and its committed files are the ones that were generated together.

import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compiledModules } from '../../../oci/codec/component.ts';

const generated = new URL('../../../oci/codec/generated/', import.meta.url);

test('the core modules import nothing but the handle table of their own component', () => {
  const imports = [...compiledModules()].flatMap(([name, module]) =>
    WebAssembly.Module.imports(module).map((one) => `${name}: ${one.module} ${one.name}`),
  );
  expect(imports.sort()).toEqual([
    'codec.core.wasm: [export]ocibuild:codec/decode@1.0.0 [resource-new]decoder',
    // The two small modules hand the destructor, an export of the first, to the handle table.
    'codec.core3.wasm: actual 0',
    'codec.core3.wasm: shim $imports',
  ]);
});

test('every committed module is used', () => {
  const committed = readdirSync(generated).filter((name) => name.endsWith('.wasm'));
  expect([...compiledModules().keys()].sort()).toEqual(committed.sort());
});

test('the generated JavaScript imports nothing', () => {
  const text = readFileSync(new URL('codec.js', generated), 'utf8');
  expect(text.match(/^\s*(import\b|export .* from\b).*$/gm) ?? []).toEqual([]);
  expect(text).not.toMatch(/\brequire\(|\bimport\(/);
});
