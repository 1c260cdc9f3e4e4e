// The recipes of the seed, built as anybody would build them: what is in the images is what bootstrap/answers.txt says, and a
// changed source does not pass for a good one.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Lab, otherUser, type Result, self } from './engine.ts';
import { testRuntimes } from './harness.ts';

const BOOTSTRAP = join(import.meta.dirname, '../../bootstrap');
const RECIPES = ['seed-hex0', 'seed-asm', 'seed-cc0'];
const PROGRAMS = [
  ['seed-hex0', 'hex0'],
  ['seed-asm', 'asm'],
  ['seed-asm', 'same'],
  ['seed-cc0', 'cc0'],
] as const;

const users = [self, otherUser].filter((user) => user !== undefined);

describe.skipIf(testRuntimes().length === 0 || process.arch !== 'x64').each(users)('the seed, for $name', (user) => {
  const lab = new Lab(user);
  afterAll(() => lab.remove());

  /** A tree of these recipes; `change` gives what a file becomes. */
  function tree(
    name: string,
    change: (file: string, content: Buffer) => Buffer | string = (_, content) => content,
  ): string {
    lab.tree(name, { none: { Containerfile: 'FROM scratch\n' } }); // a tree has something under recipes/
    for (const recipe of RECIPES) {
      const files = readdirSync(join(BOOTSTRAP, recipe)).map((file) => {
        const content = readFileSync(join(BOOTSTRAP, recipe, file));
        return [file, change(`${recipe}/${file}`, content)] as const;
      });
      lab.write(`${name}/bootstrap/${recipe}`, Object.fromEntries(files) as Record<string, string | Buffer>);
    }
    return lab.path(name);
  }
  const build = (folder: string, recipe: string): Result => lab.run(['--tree', folder, '--offline', 'run', recipe]);

  test('every program is what answers.txt says', () => {
    const answers = readFileSync(join(BOOTSTRAP, 'answers.txt'), 'utf8');
    const folder = tree('good');
    expect(build(folder, 'bootstrap/seed-cc0')).toMatchObject({ status: 0 });
    for (const [recipe, program] of PROGRAMS) {
      expect(build(folder, `bootstrap/${recipe}`).status).toBe(0);
      const through = ['sh', '-c', `exec "$@" >${program}`, 'sh'];
      expect(lab.run(['--tree', folder, 'cat', `bootstrap/${recipe}`, `/${program}`], { through }).status).toBe(0);
      const content = readFileSync(lab.path(program));
      expect(answers).toContain(`${createHash('sha256').update(content).digest('hex')}  ${program}\n`);
    }
  });

  test.each<[string, string, string | RegExp, string, string, RegExp]>([
    [
      'a byte of hex0',
      'seed-hex0/hex0.hex',
      '68 65 78 3f ',
      '68 65 78 21 ',
      'seed-asm',
      /the files differ at byte 292/,
    ],
    [
      'a byte of asm',
      'seed-asm/asm.hex',
      '72 00 48 00 f7 64 07 00',
      '72 00 48 00 f7 64 06 00',
      'seed-asm',
      /the files differ at byte \d+/,
    ],
    [
      'an instruction of asm',
      'seed-asm/asm.hex',
      '; mov rdx, 0x1ed ',
      '; mov rdx, 0x1ff ',
      'seed-asm',
      /the files differ at byte \d+/,
    ],
    [
      'a line of cc0',
      'seed-cc0/09-operators.s',
      'sub rax, rcx',
      'sub rax, rxc',
      'seed-cc0',
      /09-operators\.s:\d+: this name is not defined: rxc/,
    ],
    ['what cc0 makes of -', 'seed-cc0/09-operators.s', 'sub rax, rcx', 'add rax, rcx', 'seed-cc0', /check/],
  ])('%s changed: the build fails', (name, file, from, to, recipe, error) => {
    const folder = tree(name.replaceAll(' ', '-'), (at, content) => {
      if (at !== file) return content;
      const changed = content.toString('latin1').replace(from, to);
      if (changed === content.toString('latin1')) throw new Error(`${file} has no ${from}`);
      return Buffer.from(changed, 'latin1');
    });
    const result = build(folder, `bootstrap/${recipe}`);
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(error);
  });
});
