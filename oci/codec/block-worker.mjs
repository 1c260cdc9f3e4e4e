// Owns: the far side of block-pool.ts: takes a block, gives it back with its compressed form. Plain JavaScript, because a
// worker starts without the loader that reads the TypeScript around it.

import { parentPort, workerData } from 'node:worker_threads';
import { instantiate } from './generated/codec.js';

const { encode } = instantiate((name) => workerData.modules.get(name), {});

parentPort.on('message', ({ kind, block, size }) => {
  const plain = block.subarray(0, size);
  const compressed = kind === 'gzip' ? encode.deflateBlock(plain) : encode.zstdFrame(plain);
  parentPort.postMessage({ compressed, block }, [compressed.buffer, block.buffer]);
});
