// Owns: what help prints.

import type { Flags } from './args.ts';
import type { Command } from './command.ts';
import { GLOBAL_FLAGS } from './global-flags.ts';

/** `ocibuild help`: the table of commands. */
export function overviewText(commands: readonly Command[]): string {
  const rows = commands.map((command) => [command.name, command.summary] as const);
  return [
    'ocibuild builds OCI images from plain Containerfiles, bit for bit the same everywhere, with no root and no daemon.',
    '',
    'usage: ocibuild [FLAG…] COMMAND [ARGUMENT…]',
    '',
    'commands:',
    ...columns(rows),
    '',
    'flags of every command:',
    ...columns(flagRows(GLOBAL_FLAGS)),
    '',
    "OCIBUILD_SINGLE_ID=1 builds with the caller's own id alone, as on a machine without /etc/subuid.",
    '`ocibuild help COMMAND` says more. Exit status: 0 done, 1 the build or the check failed, 2 usage, 3 this machine',
    "can't do it, 130 interrupted.",
    '',
  ].join('\n');
}

/** `ocibuild help COMMAND`. */
export function commandText(command: Command): string {
  const [line = '', ...more] = command.usage.split('\n');
  const own = flagRows(command.flags);
  return [
    `ocibuild ${command.name}: ${command.summary}`,
    '',
    `usage: ocibuild ${command.name}${own.length === 0 ? '' : ' [FLAG…]'}${line === '' ? '' : ` ${line}`}`,
    ...(more.length === 0 ? [] : ['', ...more]),
    '',
    ...(own.length === 0 ? [] : ['flags:', ...columns(own), '']),
    'flags of every command:',
    ...columns(flagRows(GLOBAL_FLAGS)),
    '',
  ].join('\n');
}

function flagRows(flags: Flags): (readonly [string, string])[] {
  return Object.entries(flags).map(([name, spec]) => {
    const short = spec.short === undefined ? '' : `-${spec.short}, `;
    const value = spec.value === undefined ? '' : ` ${spec.value}`;
    return [`${short}--${name}${value}`, spec.repeatable === true ? `${spec.summary} (repeatable)` : spec.summary];
  });
}

/** Two columns; a left side that is too wide gets a line of its own. */
function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([left]) => left.length).filter((length) => length <= 28));
  return rows.map(([left, right]) =>
    left.length <= width ? `  ${left.padEnd(width)}  ${right}` : `  ${left}\n  ${' '.repeat(width)}  ${right}`,
  );
}
