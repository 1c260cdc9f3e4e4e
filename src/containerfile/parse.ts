// Owns: a whole Containerfile: directives, instructions, and the stages they make up. Does no I/O.

import type { SourceLocation } from '../errors.ts';
import { refuse, shown } from './fault.ts';
import type {
  ArgInstruction,
  Containerfile,
  FromInstruction,
  ParseWarning,
  Span,
  Stage,
  StageInstruction,
} from './instruction.ts';
import { checkTriggerKeyword, parseInstruction } from './statement.ts';
import { LineReader, splitKeyword } from './token.ts';

export { exposedPorts } from './ports.ts';

/**
 *     containerfile = directive* ARG* stage+
 *     stage         = FROM (any instruction but FROM)*
 *
 * `file` is what locations name. Bytes are UTF-8, with or without a byte order mark. Throws BuildError PARSE, with a location always.
 */
export function parseContainerfile(text: string | Uint8Array, file: string): Containerfile {
  const reader = new LineReader(text, file);
  const globalArgs: ArgInstruction[] = [];
  const stages: { index: number; name?: string; from: FromInstruction; instructions: StageInstruction[] }[] = [];
  const warnings: ParseWarning[] = [];
  const named = new Map<string, SourceLocation>();
  const locate = (line: number, lastLine: number): Span => ({ file, line, lastLine });
  for (let line = reader.next(); line !== undefined; line = reader.next()) {
    if (line.blankLine !== undefined) {
      const message =
        'a blank line inside a continued instruction; it is skipped, and other builders may end the instruction here';
      warnings.push({ at: { file, line: line.blankLine }, message });
    }
    const instruction = parseInstruction(line, reader, locate);
    if (instruction.keyword === 'ONBUILD') parseTrigger(instruction.trigger, instruction.at);
    if (instruction.keyword === 'FROM') {
      const name = instruction.as;
      const earlier = name === undefined ? undefined : named.get(name);
      if (name !== undefined && earlier !== undefined) {
        const message = `a stage named ${name} stands in line ${earlier.line} already; from here on the name means this one`;
        warnings.push({ at: instruction.at, message });
      }
      if (name !== undefined) named.set(name, instruction.at);
      stages.push({
        index: stages.length,
        ...(name === undefined ? {} : { name }),
        from: instruction,
        instructions: [],
      });
      continue;
    }
    const stage = stages.at(-1);
    if (stage !== undefined) {
      stage.instructions.push(instruction);
    } else if (instruction.keyword === 'ARG') {
      globalArgs.push(instruction);
    } else {
      refuse(instruction.at, `${instruction.keyword} stands before the first FROM`, { want: 'only ARG there' });
    }
  }
  if (stages.length === 0) {
    const at = { file, line: Math.max(1, reader.line) };
    refuse(at, globalArgs.length === 0 ? 'there is no instruction in this file' : 'there is no FROM in this file');
  }
  return { file, directives: reader.directives, globalArgs, stages, warnings };
}

/**
 * Parses what ONBUILD kept. `at` is where the trigger was written, or the FROM that fires it: every location is this one. Throws
 * BuildError PARSE when it is not exactly one instruction, or one that may not be a trigger.
 */
export function parseTrigger(trigger: string, at: Span): StageInstruction {
  // A trigger knows no directives: whatever the file's escape was, this text has a backslash.
  const reader = new LineReader(trigger, at.file);
  const line = reader.next();
  if (line === undefined) refuse(at, 'the ONBUILD trigger is empty');
  checkTriggerKeyword(splitKeyword(line.text).keyword, at);
  const instruction = parseInstruction(line, reader, () => at);
  const more = reader.next();
  if (more !== undefined) refuse(at, 'an ONBUILD trigger is one instruction', { got: shown(more.text) });
  if (instruction.keyword === 'FROM') refuse(at, 'FROM cannot be an ONBUILD trigger');
  return instruction;
}

/**
 * The stage that `reference` means at stage `before` (an index): a name or a number, looked for among earlier stages only; the last
 * one of a name wins. Undefined: it means an image, or a named context. Numbers count for COPY --from and mounts, not for FROM.
 */
export function findStage(
  file: Containerfile,
  reference: string,
  before: number,
  numbers: boolean = true,
): Stage | undefined {
  const earlier = file.stages.slice(0, before);
  const name = reference.toLowerCase();
  const byName = earlier.findLast((stage) => stage.name === name);
  if (byName !== undefined || !numbers || !/^[0-9]{1,9}$/.test(reference)) return byName;
  return earlier[Number(reference)];
}
