// Owns: findings about a Containerfile that is valid. Only what can be decided from the file alone, so that a finding is never wrong.

import type { SourceLocation } from '../errors.ts';
import { mapWords } from './expand.ts';
import type { Containerfile, Instruction, Stage } from './instruction.ts';
import { LexFault, lex } from './lex.ts';
import { findStage } from './parse.ts';

export type FindingCode =
  | 'undefined-variable'
  | 'unused-stage'
  | 'later-stage'
  | 'untagged-image'
  | 'overridden-instruction'
  | 'maintainer'
  | 'old-pair'
  | 'json-like'
  | 'relative-workdir';

export interface Finding {
  readonly code: FindingCode;
  readonly at: SourceLocation;
  readonly message: string;
}

export interface LintOptions {
  /** Whether an image reference is not foreign: a recipe of the tree, a named context. It needs no tag then. */
  readonly isLocal?: (reference: string) => boolean;
}

/** In FROM without a declaration; in a stage after a bare ARG. */
const PLATFORM_ARGS = ['BUILD', 'TARGET'].flatMap((side) =>
  ['PLATFORM', 'OS', 'ARCH', 'VARIANT'].map((part) => side + part),
);

/** Every finding, in the order of the file. */
export function lintContainerfile(file: Containerfile, options: LintOptions = {}): Finding[] {
  const findings: Finding[] = [];
  const add = (code: FindingCode, at: SourceLocation, message: string): void => {
    findings.push({ code, at: { file: at.file, line: at.line }, message });
  };
  lintVariables(file, add);
  lintReferences(file, options.isLocal ?? (() => false), add);
  for (const stage of file.stages) {
    lintOverridden(stage, add);
    for (const instruction of stage.instructions) lintInstruction(instruction, add);
  }
  lintWorkdirs(file, add);
  return findings.sort((a, b) => a.at.line - b.at.line);
}

type Add = (code: FindingCode, at: SourceLocation, message: string) => void;

/**
 * FROM sees the global ARGs and nothing else. In a stage a name can be called undefined only when every name is known: when the stage
 * stands, through other stages or not, on scratch.
 */
function lintVariables(file: Containerfile, add: Add): void {
  const global = new Set(PLATFORM_ARGS);
  for (const instruction of file.globalArgs) {
    reportUnknown(file, instruction, global, add);
    for (const { key } of instruction.args) global.add(key);
  }
  const known: (Set<string> | undefined)[] = [];
  for (const stage of file.stages) {
    reportUnknown(file, stage.from, global, add);
    const parent = findStage(file, stage.from.image, stage.index, false);
    const inherited = parent === undefined ? undefined : known[parent.index];
    const names = stage.from.image === 'scratch' ? new Set(['PATH']) : inherited && new Set(inherited);
    known.push(names);
    if (names === undefined) continue;
    for (const instruction of stage.instructions) {
      reportUnknown(file, instruction, names, add);
      if (instruction.keyword === 'ENV') for (const { key } of instruction.pairs) names.add(key);
      if (instruction.keyword === 'ARG') for (const { key } of instruction.args) names.add(key);
    }
  }
}

function reportUnknown(file: Containerfile, instruction: Instruction, known: ReadonlySet<string>, add: Add): void {
  const unknown = new Set<string>();
  const collect = (text: string, literalQuotes: boolean): string => {
    try {
      const mark = literalQuotes ? '\\' : file.directives.escape;
      const found = lex(text, (name) => (known.has(name) ? 'x' : undefined), { escape: mark, literalQuotes });
      for (const name of found.unknown) unknown.add(name);
    } catch (error) {
      // A word that cannot be expanded is an error of the build, which says it better.
      if (!(error instanceof LexFault)) throw error;
    }
    return text;
  };
  mapWords(instruction, {
    word: (text) => collect(text, false),
    words: (text) => [collect(text, false)],
    body: (text) => collect(text, true),
  });
  for (const name of unknown) {
    const where = instruction.keyword === 'FROM' ? 'before the first FROM' : 'in this stage or those it stands on';
    add('undefined-variable', instruction.at, `$${name} is empty: no ARG or ENV ${where} declares it`);
  }
}

/** Names in FROM, COPY --from and mounts. */
function lintReferences(file: Containerfile, isLocal: (reference: string) => boolean, add: Add): void {
  const used = new Set<number>();
  const names = new Map(file.stages.map((stage) => [stage.name, stage.index]));
  let allKnown = true;
  for (const stage of file.stages) {
    for (const { reference, at, isFrom } of referencesOf(stage)) {
      if (reference.includes('$')) {
        allKnown = false;
        continue;
      }
      const found = findStage(file, reference, stage.index, !isFrom);
      if (found !== undefined) {
        used.add(found.index);
        continue;
      }
      if (reference === 'scratch' || isLocal(reference)) continue;
      const later = names.get(reference.toLowerCase());
      if (later !== undefined) {
        const line = file.stages[later]!.from.at.line;
        add('later-stage', at, `${reference} means an image here: the stage of this name comes only in line ${line}`);
      } else if (isFrom && !/[:@][^/]*$/.test(reference)) {
        add('untagged-image', at, `${reference} has no tag and no digest, so what it means changes with time`);
      }
    }
  }
  if (!allKnown) return;
  for (const stage of file.stages.slice(0, -1)) {
    if (used.has(stage.index)) continue;
    const shown = stage.name ?? `number ${stage.index}`;
    add('unused-stage', stage.from.at, `nothing uses the stage ${shown}; it is built only as a --target`);
  }
}

function referencesOf(stage: Stage): { reference: string; at: SourceLocation; isFrom: boolean }[] {
  const found = [{ reference: stage.from.image, at: stage.from.at as SourceLocation, isFrom: true }];
  for (const instruction of stage.instructions) {
    const { at } = instruction;
    if (instruction.keyword === 'COPY' && instruction.from !== undefined) {
      found.push({ reference: instruction.from, at, isFrom: false });
    }
    for (const mount of instruction.keyword === 'RUN' ? instruction.mounts : []) {
      if (mount.from !== undefined) found.push({ reference: mount.from, at, isFrom: false });
    }
  }
  return found;
}

/** Of these only the last in a stage counts. */
function lintOverridden(stage: Stage, add: Add): void {
  for (const keyword of ['CMD', 'ENTRYPOINT', 'HEALTHCHECK'] as const) {
    const all = stage.instructions.filter((instruction) => instruction.keyword === keyword);
    const last = all.at(-1);
    for (const instruction of all.slice(0, -1)) {
      add('overridden-instruction', instruction.at, `this ${keyword} has no effect: line ${last!.at.line} replaces it`);
    }
  }
}

function lintInstruction(instruction: Instruction, add: Add): void {
  const { at, keyword } = instruction;
  if (instruction.keyword === 'MAINTAINER') {
    add('maintainer', at, 'MAINTAINER is deprecated: write LABEL org.opencontainers.image.authors=…');
  }
  if (instruction.keyword === 'ENV' || instruction.keyword === 'LABEL') {
    const [, first = ''] = instruction.text.split(/[\t\v\f\r ]+/, 2);
    if (!first.includes('=')) {
      add('old-pair', at, `write ${keyword} ${first}=…; without the = all of the line is the value`);
    }
  }
  const command = 'command' in instruction ? instruction.command : undefined;
  if (command?.form === 'shell' && /^\[\s*["'][\s\S]*["'],?\s*\]$/.test(command.args[0]!.trim())) {
    add('json-like', at, 'this looks like the JSON form and is not JSON, so a shell gets it as it stands');
  }
}

/** A relative WORKDIR in a stage on a foreign image, whose own WORKDIR may change. */
function lintWorkdirs(file: Containerfile, add: Add): void {
  const fixed: boolean[] = [];
  for (const stage of file.stages) {
    const parent = findStage(file, stage.from.image, stage.index, false);
    let known = stage.from.image === 'scratch' || (parent !== undefined && fixed[parent.index] === true);
    for (const instruction of stage.instructions) {
      if (instruction.keyword !== 'WORKDIR') continue;
      if (/^["']?[/$\\`]/.test(instruction.path)) known = true;
      else if (!known) {
        add(
          'relative-workdir',
          instruction.at,
          `${instruction.path} is relative to a directory that the image ${stage.from.image} chooses`,
        );
        known = true;
      }
    }
    fixed.push(known);
  }
}
