import { homedir } from 'node:os';
import { expect, test } from 'vitest';
import { parseArgs } from '../../../src/cli/args.ts';
import { GLOBAL_FLAGS, storeDirectoryOf, wantsColor } from '../../../src/cli/global-flags.ts';

test.each<[string | undefined, NodeJS.ProcessEnv, string]>([
  ['s', { OCIBUILD_STORE: '/other' }, '/cwd/s'],
  ['/s/', { HOME: '/h' }, '/s'],
  [undefined, { OCIBUILD_STORE: 'rel', XDG_DATA_HOME: '/x', HOME: '/h' }, '/cwd/rel'],
  [undefined, { OCIBUILD_STORE: '', XDG_DATA_HOME: '/x', HOME: '/h' }, '/x/ocibuild'],
  [undefined, { XDG_DATA_HOME: 'relative', HOME: '/h' }, '/h/.local/share/ocibuild'],
  [undefined, { XDG_DATA_HOME: '', HOME: '/h' }, '/h/.local/share/ocibuild'],
  [undefined, {}, `${homedir()}/.local/share/ocibuild`],
])('--store %j with %j is %s', (flag, env, want) => {
  expect(storeDirectoryOf(flag, env, '/cwd')).toBe(want);
});

test.each<[string[], NodeJS.ProcessEnv, boolean, boolean]>([
  [[], {}, true, true],
  [[], {}, false, false],
  [['--no-color'], {}, true, false],
  [['--no-color=false'], {}, true, true],
  [[], { NO_COLOR: '1' }, true, false],
  [[], { NO_COLOR: '' }, true, true],
  [[], { TERM: 'dumb' }, true, false],
])('colours with %j, %j, terminal %j: %j', (words, env, isTTY, want) => {
  expect(wantsColor(parseArgs(words, GLOBAL_FLAGS, { help: '' }), env, { isTTY })).toBe(want);
});
