/** @module Interface ocibuild:codec/encode@1.0.0 **/
export function deflateBlock(plain: Uint8Array): Uint8Array;
export function zstdFrame(plain: Uint8Array): Uint8Array;
