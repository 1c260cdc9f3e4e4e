import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { command } from '../../../src/cli/parse.ts';
import { runCommand } from './run-command.ts';

const folder = mkdtempSync(join(tmpdir(), 'parse-'));
afterAll(() => rmSync(folder, { recursive: true }));

const FILE = `ARG TAG=1
FROM scratch AS base
RUN --network=none <<EOF
make
EOF
COPY --from=x a \\
  b /c/
FROM base
CMD ["sh", "-c", "x y"]
`;
writeFileSync(join(folder, 'Containerfile'), FILE);
const parse = (...words: string[]) => runCommand(command, words, folder, '/nowhere');

test('--json has keyword, flags, arguments, form, heredocs, first and last line', async () => {
  const { status, stdout } = await parse('Containerfile', '--json');
  expect(status).toBe(0);
  const { instructions } = JSON.parse(stdout) as { instructions: Record<string, unknown>[] };
  expect(
    instructions.map((one) => [one['keyword'], one['stage'], one['form'], one['firstLine'], one['lastLine']]),
  ).toEqual([
    ['ARG', null, null, 1, 1],
    ['FROM', 0, null, 2, 2],
    ['RUN', 0, 'shell', 3, 5],
    ['COPY', 0, null, 6, 7],
    ['FROM', 1, null, 8, 8],
    ['CMD', 1, 'json', 9, 9],
  ]);
  expect(instructions[2]).toMatchObject({
    flags: [{ name: 'network', value: 'none' }],
    heredocs: [{ name: 'EOF', content: 'make\n' }],
  });
  expect(instructions[3]).toMatchObject({ flags: [{ name: 'from', value: 'x' }], arguments: ['a', 'b', '/c/'] });
  expect(instructions[5]).toMatchObject({ arguments: ['sh', '-c', 'x y'] });
});

test('text is one line an instruction', async () => {
  const { stdout } = await parse('Containerfile');
  expect(stdout.split('\n')).toHaveLength(7);
  expect(stdout).toMatch(/^ {2}1 {8}ARG TAG=1\n {2}2 {2}base {2}FROM scratch AS base\n3-5 {2}base {2}RUN /);
});

test('a file that is not there is a usage error, and one that is no Containerfile has a place', async () => {
  await expect(parse('gone')).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('cannot read gone'),
  });
  await expect(parse('.')).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('EISDIR') });
  writeFileSync(join(folder, 'bad'), 'FROM scratch\nRNU x\n');
  await expect(parse('bad')).rejects.toMatchObject({ code: 'PARSE', location: { file: 'bad', line: 2 } });
});
