// Owns: `ocibuild version`, and where the version number comes from.

import { readFileSync } from 'node:fs';
import type { Command } from './command.ts';

/** The version in package.json, which lies above src/ and above dist/src/. */
export function programVersion(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    let text: string;
    try {
      text = readFileSync(new URL(path, import.meta.url), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw error;
    }
    return (JSON.parse(text) as { version: string }).version;
  }
  throw new Error('no package.json above the program');
}

export const command: Command = {
  name: 'version',
  summary: 'print the version of ocibuild and of what it runs on',
  usage: '',
  flags: {},
  operands: { min: 0, max: 0 },
  needsNamespace: false,
  async run({ stdout }) {
    stdout.write(`ocibuild ${programVersion()}\nnode ${process.version} ${process.platform} ${process.arch}\n`);
    return 0;
  },
};
