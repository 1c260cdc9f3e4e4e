// world root:component/root
import type * as OcibuildCodecEncode from './interfaces/ocibuild-codec-encode.js'; // ocibuild:codec/encode@1.0.0
import type * as OcibuildCodecDecode from './interfaces/ocibuild-codec-decode.js'; // ocibuild:codec/decode@1.0.0
export interface ImportObject {
}
export interface Root {
  'ocibuild:codec/encode@1.0.0': typeof OcibuildCodecEncode,
  encode: typeof OcibuildCodecEncode,
  'ocibuild:codec/decode@1.0.0': typeof OcibuildCodecDecode,
  decode: typeof OcibuildCodecDecode,
}

/**
* Instantiates this component with the provided imports and
* returns a map of all the exports of the component.
*
* This function is intended to be similar to the
* `WebAssembly.Instantiate` constructor. The second `imports`
* argument is the "import object" for wasm, except here it
* uses component-model-layer types instead of core wasm
* integers/numbers/etc.
*
* The first argument to this function, `getCoreModule`, is
* used to compile core wasm modules within the component.
* Components are composed of core wasm modules and this callback
* will be invoked per core wasm module. The caller of this
* function is responsible for reading the core wasm module
* identified by `path` and returning its compiled
* `WebAssembly.Module` object. This would use the
* `WebAssembly.Module` constructor on the web, for example.
*/
export function instantiate(
getCoreModule: (path: string) => WebAssembly.Module,
imports: ImportObject,
instantiateCore?: (module: WebAssembly.Module, imports: Record<string, any>) => WebAssembly.Instance
): Root;

