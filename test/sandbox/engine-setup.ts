// Owns: the checkout the engine's tests run: compiled once for all test files, readable by every user of the machine,
// without what only development needs. Started by vitest before the first file of a project, removed after the last.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const PARTS = ['oci', 'src', 'scripts', 'recipes', 'package.json', 'package-lock.json', 'tsconfig.json'];
const COMPILER = ['typescript', '@types'];

/** Runs a program inside the engine's namespace, where everything a store holds may be read and deleted. */
const INSIDE = `import { enterNamespace } from './dist/src/sandbox/userns.js';
const [command, ...argv] = process.argv.slice(2);
process.exit(await enterNamespace({ command: [command], argv, env: process.env }));
`;

/** Names of the packages a user's installation has. */
function packagesToRun(): string[] {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true && !COMPILER.includes(path.slice('node_modules/'.length)))
    .map(([path]) => path);
}

export default function setup(): () => void {
  // Every project calls this; the first one makes the checkout, and removes it.
  if (process.env['OCIBUILD_TEST_CHECKOUT'] !== undefined) return () => {};
  const directory = mkdtempSync(join(tmpdir(), 'ocibuild-engine-'));
  for (const part of [...PARTS, 'tsconfig.build.json']) {
    cpSync(join(ROOT, part), join(directory, part), { recursive: true });
  }
  for (const path of packagesToRun()) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    cpSync(join(ROOT, path), join(directory, path), { recursive: true, dereference: true });
  }
  for (const name of COMPILER) symlinkSync(join(ROOT, 'node_modules', name), join(directory, 'node_modules', name));
  execFileSync('sh', ['scripts/compile.sh'], { cwd: directory, stdio: 'inherit' });
  for (const name of COMPILER) rmSync(join(directory, 'node_modules', name));
  writeFileSync(join(directory, 'inside.mjs'), INSIDE);
  execFileSync('chmod', ['-R', 'a+rX', directory]);
  process.env['OCIBUILD_TEST_CHECKOUT'] = directory;
  return () => {
    delete process.env['OCIBUILD_TEST_CHECKOUT'];
    rmSync(directory, { recursive: true, force: true });
  };
}
