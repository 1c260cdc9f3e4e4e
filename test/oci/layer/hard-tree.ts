// Owns: a directory with every hard case a file system can hold, for tests. As root it has owners and devices too.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

export const IS_ROOT = process.getuid?.() === 0;
const DAY = 86_400;

/** Fills an empty directory. Every mtime is a whole number of days after 1970, directories' included. */
export function makeHardTree(root: string): void {
  const at = (name: string | Buffer) => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name)]);
  const put = (name: string | Buffer, text: string | Buffer = 'x') => writeFileSync(at(name), text);

  put('plain', 'hello\n');
  put('empty', '');
  put('block', Buffer.alloc(512, 'b'));
  put('over-a-block', Buffer.alloc(513, 'c'));
  put('large', Buffer.alloc(9_000_000, 'large'));
  // `a/x` stands before `a-b` although `-` is less than `/`: siblings are sorted, not paths.
  mkdirSync(at('a'));
  put('a/x');
  put('a-b');
  put('a.b');
  put('setuid');
  chmodSync(at('setuid'), 0o4755);
  put('setgid');
  chmodSync(at('setgid'), 0o2750);
  mkdirSync(at('sticky'));
  chmodSync(at('sticky'), 0o1777);
  put('mode-000', IS_ROOT ? 'secret' : '');
  chmodSync(at('mode-000'), IS_ROOT ? 0 : 0o400);
  execFileSync('mkfifo', [`${root}/fifo`]);
  put('n'.repeat(255));
  const deep = ['p'.repeat(130), 'q'.repeat(100), 'r'.repeat(27)];
  for (let i = 1; i < deep.length; i++) mkdirSync(at(deep.slice(0, i).join('/')));
  put(deep.join('/'), '259 bytes of path');
  const split = `${'d'.repeat(90)}/${'e'.repeat(90)}`;
  mkdirSync(at(split), { recursive: true });
  put(`${split}/fits-with-a-prefix`);
  symlinkSync('l'.repeat(300), at('link-300'));
  symlinkSync('../../outside', at('link-out'));
  symlinkSync('nowhere', at('link-dangling'));
  put('new\nline');
  put('tab\tand space ');
  put('back\\slash');
  put(Buffer.from('latin1-\xe9\xff', 'latin1'));
  put('nfc-\u00e9');
  put('nfd-e\u0301');
  symlinkSync('nfc-\u00e9', at('link-utf8'));
  mkdirSync(at('\u00e9t\u00e9'));
  put(`\u00e9t\u00e9/${'u'.repeat(120)}`);
  put('hard-1', 'shared');
  linkSync(at('hard-1'), at('hard-2'));
  mkdirSync(at('z'));
  linkSync(at('hard-1'), at('z/hard-3'));
  linkSync(at('link-dangling'), at('z/link-linked'));
  put('.hidden');
  put('.whatever');
  if (IS_ROOT) {
    for (const [name, uid, gid] of [
      ['owned', 1000, 100],
      ['high-owner', 3_000_000, 2_097_152],
    ] as const) {
      put(name);
      chownSync(at(name), uid, gid);
    }
    lchownSync(at('link-out'), 7, 8);
    execFileSync('mknod', [`${root}/null`, 'c', '1', '3']);
    execFileSync('mknod', [`${root}/disk`, 'b', '259', '70000']);
  }
  stampTimes(Buffer.from(root), { next: 1 });
}

function stampTimes(directory: Buffer, day: { next: number }): void {
  for (const name of readdirSync(directory, { encoding: 'buffer' })) {
    const path = Buffer.concat([directory, Buffer.from('/'), name]);
    if (lstatSync(path).isDirectory()) stampTimes(path, day);
    const time = day.next++ * DAY;
    lutimesSync(path, time, time);
  }
}
