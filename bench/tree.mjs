// Owns: the trees that bench/layer.mjs measures on: the same files, byte for byte, on every machine, about as
// compressible as a distribution's. Knows no builder.

import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const MIB = 1 << 20;

/** xorshift32: numbers from 0 up to but not including `below`, which follow from the seed alone. */
function dice(seed) {
  let x = seed | 0 || 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

/** Words of a made-up language, frequent ones first, as in any text: the n-th comes about 1/n as often as the first. */
function text(size, seed) {
  const next = dice(seed);
  const syllables = [
    're',
    'con',
    'st',
    'ing',
    'er',
    'al',
    'in',
    'de',
    'pro',
    'at',
    'ion',
    'ment',
    'un',
    'ex',
    'or',
    'le',
  ];
  const words = Array.from({ length: 6000 }, () =>
    Array.from({ length: 1 + next(4) }, () => syllables[next(syllables.length)]).join(''),
  );
  const out = Buffer.allocUnsafe(size);
  const recent = Array.from({ length: 300 }, (_, at) => `${words[at]} ${words[at + 1]}\n`);
  let at = 0;
  while (at < size) {
    const kind = next(100);
    let line = '';
    if (kind < 38) {
      // Source text repeats itself: a line much like one before.
      line = recent[next(recent.length)].replace(/\w+/, words[next(400)]);
    } else {
      const count = 2 + next(9);
      line = ' '.repeat(2 * next(4));
      for (let i = 0; i < count; i++) {
        const rank = Math.floor(words.length ** (next(1000) / 1000)) - 1;
        line += words[rank] + (kind < 60 ? [' ', ' = ', '(', ', ', ') ', '->', '; '][next(7)] : ' ');
      }
      if (kind > 92) line += next(100_000);
      line += '\n';
    }
    recent[next(300)] = line;
    at += out.write(line, at, 'latin1');
  }
  return out;
}

/** Fixed records of small numbers between pieces of noise: about as dense as machine code. */
function code(size, seed) {
  const next = dice(seed);
  const out = Buffer.alloc(size);
  const common = Array.from({ length: 300 }, () => {
    const piece = Buffer.alloc(2 + next(6));
    for (let i = 0; i < piece.length; i++) piece[i] = next(256);
    return piece;
  });
  for (let at = 0; at < size; ) {
    const piece = common[Math.floor(common.length ** (next(1000) / 1000)) - 1] ?? common[0];
    at += piece.copy(out, at);
    if (at < size && next(3) === 0) out[at++] = next(256);
    if (next(7) === 0) at += Math.min(3 + next(30), size - at);
  }
  return out;
}

function noise(size, seed) {
  const next = dice(seed);
  const out = Buffer.allocUnsafe(size);
  for (let at = 0; at + 4 <= size; at += 4) out.writeUInt32LE(next(2 ** 32), at);
  return out;
}

let pools;

/** Slices of these make every file: the window of deflate is far smaller than a pool, so a slice looks new to it. */
function poolsOf() {
  pools ??= { text: text(12 * MIB, 1), code: code(12 * MIB, 2), noise: noise(6 * MIB, 3) };
  return pools;
}

/**
 * Fills `directory` with `count` files of `bytes` together, in directories of about thirty. Sizes are spread as in /usr:
 * most are small, a few hold most of the bytes. Returns the paths, relative, in the order they were made.
 */
export { code, noise, text };
export function makeTree(directory, { count, bytes, seed = 1 }) {
  const { text, code, noise } = poolsOf();
  const next = dice(seed);
  const weights = Array.from({ length: count }, () =>
    Math.exp(4.5 * ((next(1000) + next(1000) + next(1000)) / 1500 - 1)),
  );
  const perWeight = bytes / weights.reduce((sum, weight) => sum + weight, 0);
  const names = [];
  const made = new Set();
  for (const [number, weight] of weights.entries()) {
    const group = Math.floor(number / 30);
    const folder = `share/${String.fromCharCode(97 + (group % 26))}${Math.floor(group / 400)}/package-${group}`;
    if (!made.has(folder)) {
      mkdirSync(join(directory, folder), { recursive: true });
      made.add(folder);
    }
    const name = `${folder}/file-${number}.${['c', 'so', 'h', 'py', 'mo'][number % 5]}`;
    names.push(name);
    const fd = openSync(join(directory, name), 'w', number % 9 === 0 ? 0o755 : 0o644);
    const roll = next(100);
    const pool = roll < 62 ? text : roll < 90 ? code : noise;
    for (let left = Math.max(1, Math.round(weight * perWeight)); left > 0; ) {
      const length = Math.min(left, 256 << 10);
      const from = next(pool.length - length);
      writeSync(fd, pool, from, length);
      left -= length;
    }
    closeSync(fd);
  }
  return names;
}
