// Owns: a Containerfile as plain JSON, for `ocibuild parse FILE --json`. Texts are as written: nothing is expanded.

import type { Containerfile, Heredoc, Instruction, Mount } from './instruction.ts';

export interface ParsedInstruction {
  readonly keyword: string;
  /** Index of the stage it belongs to; null before the first FROM. */
  readonly stage: number | null;
  readonly flags: readonly { readonly name: string; readonly value: string | null }[];
  /** The words after the flags, heredoc operators of COPY and ADD left out; for the shell form one text. */
  readonly arguments: readonly string[];
  /** For instructions that have both. */
  readonly form: 'json' | 'shell' | null;
  readonly heredocs: readonly Heredoc[];
  readonly firstLine: number;
  readonly lastLine: number;
  readonly text: string;
  /** RUN only, when it has any. */
  readonly mounts?: readonly Mount[];
}

export interface ParsedFile {
  readonly file: string;
  readonly directives: Containerfile['directives'];
  readonly globalArgs: readonly { readonly name: string; readonly default: string | null; readonly line: number }[];
  readonly stages: readonly {
    readonly index: number;
    readonly name: string | null;
    readonly image: string;
    readonly platform: string | null;
    readonly firstLine: number;
    readonly lastLine: number;
  }[];
  readonly instructions: readonly ParsedInstruction[];
  readonly warnings: readonly { readonly line: number; readonly message: string }[];
}

/** Every instruction in the order of the file, with what it was read as. */
export function toParseJson(file: Containerfile): ParsedFile {
  return {
    file: file.file,
    directives: file.directives,
    globalArgs: file.globalArgs.flatMap(({ args, at }) =>
      args.map(({ key, value }) => ({ name: key, default: value ?? null, line: at.line })),
    ),
    stages: file.stages.map(({ index, name, from, instructions }) => ({
      index,
      name: name ?? null,
      image: from.image,
      platform: from.platform ?? null,
      firstLine: from.at.line,
      lastLine: (instructions.at(-1) ?? from).at.lastLine,
    })),
    instructions: [
      ...file.globalArgs.map((instruction) => describeInstruction(instruction, null)),
      ...file.stages.flatMap(({ index, from, instructions }) =>
        [from, ...instructions].map((instruction) => describeInstruction(instruction, index)),
      ),
    ],
    warnings: file.warnings.map(({ at, message }) => ({ line: at.line, message })),
  };
}

function describeInstruction(instruction: Instruction, stage: number | null): ParsedInstruction {
  const { keyword, at, flags, heredocs, text } = instruction;
  return {
    keyword,
    stage,
    flags: flags.map(({ name, value }) => ({ name, value: value ?? null })),
    arguments: argumentsOf(instruction),
    form: 'command' in instruction ? (instruction.command?.form ?? null) : null,
    heredocs,
    firstLine: at.line,
    lastLine: at.lastLine,
    text,
    ...(instruction.keyword === 'RUN' && instruction.mounts.length > 0 ? { mounts: instruction.mounts } : {}),
  };
}

function argumentsOf(instruction: Instruction): readonly string[] {
  switch (instruction.keyword) {
    case 'FROM':
      return instruction.as === undefined ? [instruction.image] : [instruction.image, 'AS', instruction.as];
    case 'ARG':
      return instruction.args.map(({ key, value }) => (value === undefined ? key : `${key}=${value}`));
    case 'ENV':
    case 'LABEL':
      return instruction.pairs.map(({ key, value }) => `${key}=${value}`);
    case 'RUN':
    case 'CMD':
    case 'ENTRYPOINT':
    case 'SHELL':
      return instruction.command.args;
    case 'HEALTHCHECK':
      return instruction.command === undefined ? ['NONE'] : ['CMD', ...instruction.command.args];
    case 'COPY':
    case 'ADD':
      return [...instruction.sources, instruction.dest];
    case 'EXPOSE':
      return instruction.ports;
    case 'VOLUME':
      return instruction.paths;
    case 'WORKDIR':
      return [instruction.path];
    case 'USER':
      return [instruction.user];
    case 'STOPSIGNAL':
      return [instruction.signal];
    case 'ONBUILD':
      return [instruction.trigger];
    case 'MAINTAINER':
      return [instruction.name];
  }
}
