// Owns: finding, compiling and instantiating the WebAssembly component, on first use. Knows no format and no framing.

import { readFileSync } from 'node:fs';
import { instantiate, type Root } from './generated/codec.js';

const modules = new Map<string, WebAssembly.Module>();

/** Compiles a core module of the component once per process; a compiled module may be handed to a worker. */
function compiledModule(name: string): WebAssembly.Module {
  let module = modules.get(name);
  if (module === undefined) {
    module = new WebAssembly.Module(readFileSync(new URL(`./generated/${name}`, import.meta.url)));
    modules.set(name, module);
  }
  return module;
}

/** A component of its own, with its own memory: a fault inside one never reaches another. */
export function instantiateCodec(): Root {
  return instantiate(compiledModule, {});
}

let encoder: Root['encode'] | undefined;

/** The encoder of this thread. Its calls keep nothing from one another. */
export function threadEncoder(): Root['encode'] {
  encoder ??= instantiateCodec().encode;
  return encoder;
}

/** Every core module, compiled, by name: what a worker needs to instantiate the component. */
export function compiledModules(): ReadonlyMap<string, WebAssembly.Module> {
  threadEncoder();
  return modules;
}
