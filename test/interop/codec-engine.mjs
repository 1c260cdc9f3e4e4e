// Compresses its input with the committed component alone, under whatever engine and flags it is started with.
// usage: node [FLAGS] codec-engine.mjs deflate|zstd BLOCK-SIZE <plain >blocks

import { readFileSync, writeSync } from 'node:fs';
import { instantiate } from '../../oci/codec/generated/codec.js';

const [kind, size] = process.argv.slice(2);
const read = (name) => readFileSync(new URL(`../../oci/codec/generated/${name}`, import.meta.url));
const { encode } = instantiate((name) => new WebAssembly.Module(read(name)), {});
const plain = readFileSync(0);
for (let at = 0; at < plain.length; at += Number(size)) {
  const block = plain.subarray(at, at + Number(size));
  const out = kind === 'zstd' ? encode.zstdFrame(block) : encode.deflateBlock(block);
  for (let done = 0; done < out.length; ) done += writeSync(1, out, done);
}
