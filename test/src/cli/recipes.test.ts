import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '../../../oci/digest.ts';
import { command as fetch } from '../../../src/cli/fetch.ts';
import { command as lint } from '../../../src/cli/lint.ts';
import { runCommand } from './run-command.ts';

let folder: string;
let store: string;

const package_ = (name: string, more = '') =>
  `[package]\nname = "${name}"\nversion = "1.0"\ndescription = "d"\nlicense = "MIT"\nwebsite = "https://example.org/"\n${more}`;
const source = (text: string, hash = digestOf(text).slice('sha256:'.length)) =>
  `\n[sources.part]\nhash = "${hash}"\nfile = "part.txt"\nversion = "1.0"\nmirrors = ["part.txt"]\n`;
const FILES: Readonly<Record<string, string>> = {
  'recipes/lower/package.toml': package_('lower', source('lower part')),
  'recipes/lower/part.txt': 'lower part',
  'recipes/lower/Containerfile': 'FROM scratch\nCOPY fetch/part.txt /part\n',
  'recipes/upper/package.toml': package_('upper'),
  'recipes/upper/Containerfile':
    'FROM recipes/lower AS build\nRUN --network=default wget x\nFROM scratch AS package\nCOPY --from=build /part /\n',
};
const BROKEN: Readonly<Record<string, string>> = {
  'recipes/good/package.toml': package_('good'),
  'recipes/good/Containerfile': 'FROM scratch\n',
  'recipes/bad/package.toml': package_('bad'),
  'recipes/bad/Containerfile': 'FROM scratch\nRNU x\n',
  'recipes/left/package.toml': package_('left'),
  'recipes/left/Containerfile': 'FROM recipes/right\n',
  'recipes/right/package.toml': package_('right'),
  'recipes/right/Containerfile': 'FROM recipes/left\n',
  'recipes/wrong/package.toml': package_('wrong', source('what was pinned')),
  'recipes/wrong/part.txt': 'what lies there',
  'recipes/wrong/Containerfile': 'FROM scratch\nCOPY fetch/part.txt /part\n',
};

function write(directory: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(directory, dirname(path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  return directory;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'recipes-'));
  store = join(folder, 'store');
  write(join(folder, 'tree'), FILES);
  write(join(folder, 'broken'), BROKEN);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('fetch', () => {
  const run = (...words: string[]) => runCommand(fetch, words, join(folder, 'tree'), store);

  test('a recipe named: its own sources and those of what it needs', async () => {
    const { status, stdout } = await run('upper');
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: `recipes/lower  part.txt  10 B  ${digestOf('lower part')}\n`,
    });
  });
  test('--json says where they lie', async () => {
    const { stdout } = await run('--json', '--offline');
    const [row] = JSON.parse(stdout);
    expect(row).toMatchObject({ recipe: 'recipes/lower', file: 'part.txt', digest: digestOf('lower part'), size: 10 });
    expect(readFileSync(row.path, 'utf8')).toBe('lower part');
  });
  test('bytes that are not the pinned ones', async () => {
    const failure = runCommand(fetch, ['wrong'], join(folder, 'broken'), store);
    await expect(failure).rejects.toMatchObject({
      code: 'SOURCE_MISMATCH',
      location: { file: expect.stringMatching(/wrong\/package\.toml$/) },
    });
  });
});

describe('lint', () => {
  const run = (tree: string, ...words: string[]) => runCommand(lint, words, join(folder, tree), store);
  const codesOf = async (tree: string, ...words: string[]) => {
    const { stdout } = await run(tree, '--json', ...words);
    return (JSON.parse(stdout) as { code: string; severity: string }[]).map(
      ({ code, severity }) => `${severity} ${code}`,
    );
  };

  test('an error gives status 1, with file and line', async () => {
    const { status, stdout, stderr } = await run('tree', 'upper');
    expect(status).toBe(1);
    expect(stdout).toMatch(/recipes\/upper\/Containerfile:2: error: .*\[networked-step\]\n/);
    expect(stderr).toMatch(/^1 recipe: 1 error, \d+ warnings?\n$/);
  });
  test('warnings alone give 0, or 1 with --strict', async () => {
    expect((await codesOf('tree', 'lower')).every((code) => code.startsWith('warning '))).toBe(true);
    expect((await run('tree', 'lower')).status).toBe(0);
    expect((await run('tree', 'lower', '--strict')).status).toBe(1);
  });
  test('a recipe that cannot be read does not hide the others', async () => {
    const codes = await codesOf('broken');
    expect(codes).toContain('error PARSE');
    expect(codes.filter((code) => code === 'error cycle')).toHaveLength(1);
    const { stdout } = await run('broken', '--all');
    expect(stdout).toMatch(/recipes\/bad\/Containerfile:2: error: .*RNU/);
    expect(stdout).toMatch(/recipes\/good\//);
  });
  test('no tree and no such recipe are usage errors', async () => {
    await expect(run('..')).rejects.toMatchObject({ code: 'USAGE' });
    await expect(run('tree', 'uper')).rejects.toMatchObject({ message: expect.stringContaining('upper') });
  });
});
