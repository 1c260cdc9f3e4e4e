// What is trusted: seeds, programs in sources and who allows them, and this machine.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestOf, hexOf } from '../../../oci/digest.ts';
import { command as trusted } from '../../../src/cli/trusted.ts';
import { runCommand } from './run-command.ts';

const ELF = Buffer.from('\x7fELF and more', 'latin1');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trusted-'));
  const sources =
    `[sources.seed]\nformat = "hex"\nhash = "${hexOf(digestOf(Buffer.from([1, 2])))}"\nfile = "seed"\nmirrors = ["seed.hex"]\n` +
    `[sources.part]\nhash = "${hexOf(digestOf(ELF))}"\nfile = "part"\nmirrors = ["part"]\n`;
  write('plain', `[package]\nname = "plain"\n${sources}`);
  write('open', `[package]\nname = "open"\n${sources}[allow]\nbinaries = ["other", "p?rt"]\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, toml: string): void {
  const recipe = join(folder, 'recipes', name);
  mkdirSync(recipe, { recursive: true });
  writeFileSync(join(recipe, 'package.toml'), toml);
  writeFileSync(join(recipe, 'Containerfile'), 'FROM scratch\nCOPY fetch/ /\n');
  writeFileSync(join(recipe, 'seed.hex'), '01 02 ; two bytes\n');
  writeFileSync(join(recipe, 'part'), ELF);
}

const run = (...words: string[]) => runCommand(trusted, ['--tree', folder, ...words], folder, join(folder, 'store'));

test('a program in a source that nobody allows fails, and is named', async () => {
  const { status, stdout } = await run('plain');
  expect(status).toBe(1);
  expect(stdout).toMatch(/^seeds, written down by hand: 1 file, 2 B$/m);
  expect(stdout).toContain(digestOf(Buffer.from([1, 2])));
  expect(stdout).toMatch(/^sources: 1 file, 13 B; 1 file in them no text:$/m);
  expect(stdout).toMatch(/^ {2}part +ELF +13 B +sha256:[0-9a-f]{64} +NOT ALLOWED$/m);
});

test('one that is allowed does not', async () => {
  const { status, stdout } = await run('open', '--json');
  expect(status).toBe(0);
  const report = JSON.parse(stdout);
  expect(report.binaries).toEqual([
    {
      recipe: 'recipes/open',
      source: 'part',
      path: '',
      kind: 'ELF',
      size: 13,
      digest: digestOf(ELF),
      allowedBy: 'p?rt',
    },
  ]);
  expect(report.roots).toEqual([]);
});

test('this machine: the kernel, node, and ocibuild itself', async () => {
  const report = JSON.parse((await run('open', '--json')).stdout);
  expect(report.kernel).toMatch(/^Linux \d/);
  const files: readonly { file: string; size: number; digest: string }[] = report.machine;
  expect(files.find(({ file }) => file.endsWith('/node'))?.size).toBeGreaterThan(1e6);
  expect(files.find(({ file }) => /^ocibuild, \d+ files$/.test(file))?.digest).toMatch(/^sha256:/);
});
