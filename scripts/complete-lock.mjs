// A program: completes package-lock.json. A registry that does not carry the packages of every platform makes npm leave
// them out of the lock file, and `npm ci` then refuses it everywhere. The entries added here are optional, are for
// platforms this file was not made on, and carry no integrity: npm takes them only where they are needed.
//
//   node scripts/complete-lock.mjs        after every change of package.json's dependencies

import { readFileSync, writeFileSync } from 'node:fs';

const FILE = 'package-lock.json';
const lock = JSON.parse(readFileSync(FILE, 'utf8'));
let added = 0;
for (const [path, entry] of Object.entries(lock.packages)) {
  if (path === '') continue;
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`;
    if (lock.packages[place] !== undefined || lock.packages[`${path}/${place}`] !== undefined) continue;
    const words = name.split('/').at(-1).split('-');
    const os = ['android', 'darwin', 'freebsd', 'linux', 'openbsd', 'win32'].find((each) => words.includes(each));
    const cpu = ['arm64', 'x64', 'arm', 'ia32', 'riscv64', 's390x', 'ppc64'].find((each) => words.includes(each));
    if (os === undefined) continue;
    lock.packages[place] = {
      version: range.replace(/^[\^~]/, ''),
      ...(cpu === undefined ? {} : { cpu: [cpu] }),
      ...(entry.dev ? { dev: true } : {}),
      ...(words.includes('musl') ? { libc: ['musl'] } : {}),
      optional: true,
      os: [os],
    };
    added++;
  }
}
const names = Object.keys(lock.packages).sort();
lock.packages = Object.fromEntries(names.map((name) => [name, lock.packages[name]]));
writeFileSync(FILE, `${JSON.stringify(lock, undefined, 2)}\n`);
process.stdout.write(`${added} entries added to ${FILE}\n`);
