// The forms of --secret.

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { secretsOf } from '../../../src/cli/secrets.ts';

let cwd: string;
const env = { TOKEN: 'from the environment\n', plain: 'short form' };
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'ocibuild-secrets-'));
  for (const name of ['a', 'a=b', 'TOKEN']) writeFileSync(join(cwd, name), `file ${name}`);
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

test.each([
  ['id=x,src=a', 'x', 'file a'],
  ['id=x,source=a=b', 'x', 'file a=b'],
  ['type=file,id=x,src=a', 'x', 'file a'],
  ['id=x,env=TOKEN', 'x', env.TOKEN],
  ['type=env,id=x,src=TOKEN', 'x', env.TOKEN],
  ['type=env,id=TOKEN', 'TOKEN', env.TOKEN],
  ['id=plain', 'plain', env.plain],
  ['type=file,id=TOKEN', 'TOKEN', 'file TOKEN'],
  ['id=a', 'a', 'file a'],
])('%s', (text, id, content) => {
  const { path } = secretsOf([text], { cwd, env }).get(id)!;
  expect(readFileSync(path, 'utf8')).toBe(content);
  if (!path.startsWith(cwd)) expect(statSync(path).mode & 0o777).toBe(0o600);
});

test.each([
  '',
  'x',
  'id=',
  'src=a',
  'id=x,src=',
  'id=x,src=a,env=TOKEN',
  'id=x,kind=y',
  'type=zip,id=a',
  'id=x,src=no',
  'id=x,env=NO',
  'id=x,src=.',
])('%j is none', (text) => {
  expect(() => secretsOf([text], { cwd, env })).toThrow(expect.objectContaining({ code: 'USAGE' }));
});
