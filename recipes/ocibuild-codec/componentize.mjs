// Makes the component from the core module and codec.wit, then the JavaScript that instantiates it.
// usage: node componentize.mjs CORE.wasm OUTPUT-DIRECTORY, with codec.wit beside this file
// Writes codec.js, codec.core*.wasm and the declarations; the component itself is not kept.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { transpileBytes } from '@bytecodealliance/jco-transpile';
import { componentEmbed, componentNew } from '@bytecodealliance/jco-transpile/wasm-tools';

const [core, output] = process.argv.slice(2);
if (core === undefined || output === undefined) {
  console.error('usage: node componentize.mjs CORE.wasm OUTPUT-DIRECTORY');
  process.exit(2);
}
const wit = readFileSync(new URL('codec.wit', import.meta.url), 'utf8');
const embedded = await componentEmbed({ binary: readFileSync(core), witSource: wit, world: 'codec' });
const component = await componentNew(embedded, []);
const { files, imports } = await transpileBytes(component, {
  name: 'codec',
  instantiation: 'sync',
  base64Cutoff: 0,
  nodejsCompat: false,
});
if (imports.length > 0) {
  console.error(`componentize.mjs: the component must import nothing, it imports ${imports.join(', ')}`);
  process.exit(1);
}
for (const [name, bytes] of Object.entries(files)) {
  const path = join(output, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}
