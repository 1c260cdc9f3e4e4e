// Owns: `ocibuild parse`: a Containerfile as it was read, nothing expanded.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type ParsedFile, toParseJson } from '../containerfile/describe.ts';
import { parseContainerfile } from '../containerfile/parse.ts';
import { BuildError } from '../errors.ts';
import type { Command } from './command.ts';
import { tableText } from './table.ts';

export const command: Command = {
  name: 'parse',
  summary: 'show the instructions of a Containerfile as they were read',
  usage: 'FILE',
  flags: { json: { summary: 'every instruction with flags, arguments, form, heredocs, first and last line' } },
  operands: { min: 1, max: 1 },
  needsNamespace: false,
  run: async ({ args, cwd, stdout, stderr }) => {
    const file = args.operands[0]!;
    const parsed = toParseJson(parseContainerfile(readBytes(resolve(cwd, file), file), file));
    for (const { line, message } of parsed.warnings) stderr.write(`${file}:${line}: warning: ${message}\n`);
    stdout.write(args.is('json') ? `${JSON.stringify(parsed, undefined, 2)}\n` : parsedText(parsed));
    return 0;
  },
};

function readBytes(path: string, shown: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new BuildError('USAGE', `cannot read ${shown}`, { want: 'a Containerfile', got: code ?? 'no file', cause });
  }
}

/** One line an instruction: its lines in the file, its stage, its text. */
function parsedText(parsed: ParsedFile): string {
  const rows = parsed.instructions.map(({ firstLine, lastLine, stage, text }) => {
    const lines = firstLine === lastLine ? `${firstLine}` : `${firstLine}-${lastLine}`;
    const name = stage === null ? '' : (parsed.stages[stage]?.name ?? `${stage}`);
    return [lines, name, text];
  });
  return tableText(rows, [0]);
}
