// Owns: `ocibuild doctor`: what this machine can and cannot do, and how to mend it. The probing is done elsewhere.

import { exitStatusOf } from '../errors.ts';
import { probeMachine } from '../sandbox/probe.ts';
import type { Command } from './command.ts';

export const command: Command = {
  name: 'doctor',
  summary: 'say what this machine can and cannot do, and how to mend it',
  usage: '\nExit status 3 when something cannot be done, or not as it should be.',
  flags: { json: { summary: 'as a list of {"name","ok","detail","remedy"}' } },
  operands: { min: 0, max: 0 },
  needsNamespace: false,
  run: async ({ args, stdout, color, storeDirectory, env }) => {
    const found = await probeMachine({ storeDirectory, env });
    const paint = (code: number, text: string): string => (color ? `\x1b[${code}m${text}\x1b[0m` : text);
    if (args.is('json')) stdout.write(`${JSON.stringify(found, undefined, 2)}\n`);
    else {
      for (const { name, ok, detail, remedy } of found) {
        stdout.write(`${ok ? paint(32, 'ok     ') : paint(31, 'missing')} ${name}: ${detail}\n`);
        if (!ok && remedy !== undefined) stdout.write(`        ${remedy.replaceAll('\n', '\n        ')}\n`);
      }
    }
    return found.every(({ ok }) => ok) ? 0 : exitStatusOf('MACHINE');
  },
};
