// Owns: finding the home directory of a step's user in the rootfs' own /etc/passwd. Every symlink is followed inside
// the rootfs only: what a step left there must not make us read the host's files.

import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** As both runtimes would set HOME: the sixth field of the user's line, `/` where there is none. */
export function homeDirectory(rootfs: string, uid: number): string {
  const path = resolveInside(rootfs, 'etc/passwd');
  if (path === undefined) return '/';
  let text: string;
  try {
    if (!lstatSync(path).isFile()) return '/';
    text = readFileSync(path, 'latin1');
  } catch {
    return '/';
  }
  for (const line of text.split('\n')) {
    const fields = line.split(':');
    if (fields.length >= 6 && fields[2] === String(uid)) return Buffer.from(fields[5]!, 'latin1').toString() || '/';
  }
  return '/';
}

/** Host path of a path of the rootfs, with absolute links starting at the rootfs and `..` stopping there. */
function resolveInside(rootfs: string, path: string): string | undefined {
  const todo = path.split('/');
  const done: string[] = [];
  for (let links = 0; todo.length > 0; ) {
    const name = todo.shift()!;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      done.pop();
      continue;
    }
    const candidate = join(rootfs, ...done, name);
    let isLink: boolean;
    try {
      isLink = lstatSync(candidate).isSymbolicLink();
    } catch {
      return undefined;
    }
    if (!isLink) {
      done.push(name);
      continue;
    }
    if (++links > 40) return undefined;
    const target = readlinkSync(candidate);
    if (target.startsWith('/')) done.length = 0;
    todo.unshift(...target.split('/'));
  }
  return join(rootfs, ...done);
}
