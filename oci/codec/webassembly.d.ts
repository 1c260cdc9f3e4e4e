// Owns: the little of the WebAssembly JavaScript interface that component.ts names; Node's type package leaves it to the DOM's.

declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
    static imports(module: Module): { readonly module: string; readonly name: string }[];
  }
  class Instance {}
}
