// Owns: which paths of a recipe's context its Containerfile reads, as far as that can be known before anything is built.
// Knows no disk.

import { expandWord } from '../containerfile/expand.ts';
import { matchGlob } from '../containerfile/glob.ts';
import type { ArgInstruction, Containerfile, EnvInstruction, Stage } from '../containerfile/instruction.ts';
import { findStage } from '../containerfile/parse.ts';
import { BuildError, type SourceLocation } from '../errors.ts';
import type { Recipe } from './types.ts';

/** True for a source of ADD that is no path: a URL or a git repository. */
export function isRemote(source: string): boolean {
  return /^(https?|git|ssh):\/\/|^git@/i.test(source);
}

/** A path of the build context that an instruction reads. */
export interface ContextPattern {
  /** Below the context, without `./` and slashes at its ends; empty: all of it. Unknown variables are `*`. */
  readonly pattern: string;
  readonly at: SourceLocation;
  /** Absent where a missing file is no certain fault. */
  readonly written?: string;
}

/** Every path of the build context that COPY, ADD and bind mounts read, in order. */
export function contextPatterns(recipe: Recipe, file: Containerfile): ContextPattern[] {
  const patterns: ContextPattern[] = [];
  const byStage = new Map<Stage, Map<string, string>>();
  const globals = globalValues(file, recipe.buildArgs);
  for (const stage of file.stages) {
    const parent = findStage(file, stage.from.image, stage.index, false);
    const values = new Map(parent === undefined ? [] : byStage.get(parent));
    byStage.set(stage, values);
    for (const instruction of stage.instructions) {
      if (instruction.keyword === 'ARG') setArgs(instruction, values, globals, recipe.buildArgs, file);
      else if (instruction.keyword === 'ENV') setEnv(instruction, values, file);
      else if (instruction.keyword === 'COPY' || instruction.keyword === 'ADD') {
        const { at, from } = instruction;
        if (from !== undefined && (from !== 'fetch' || findStage(file, from, stage.index) !== undefined)) continue;
        for (const written of instruction.sources) {
          if (isRemote(written)) continue;
          const inside = tidy(expandKnown(written, values, file, at));
          // `--from=fetch` without a stage of that name is the folder of sources as a context of its own.
          if (from === undefined) patterns.push({ pattern: inside, at, written });
          else patterns.push({ pattern: tidy(`fetch/${inside}`), at });
        }
      } else if (instruction.keyword === 'RUN') {
        for (const mount of instruction.mounts) {
          if (mount.type !== 'bind' || mount.from !== undefined) continue;
          patterns.push({
            pattern: tidy(expandKnown(mount.source ?? '', values, file, instruction.at)),
            at: instruction.at,
          });
        }
      }
    }
  }
  return patterns;
}

function tidy(pattern: string): string {
  const parts = pattern.split('/').filter((part) => part !== '' && part !== '.');
  return parts.join('/');
}

/** True when copying the pattern copies the path, or a folder that holds it. */
export function reaches(pattern: string, file: string): boolean {
  if (pattern === '') return true;
  const parts = file.split('/');
  return parts.some((_, index) => matchGlob(pattern, parts.slice(0, index + 1).join('/')));
}

/** Values of the ARGs before the first FROM. */
export function globalValues(file: Containerfile, buildArgs: ReadonlyMap<string, string>): Map<string, string> {
  const values = new Map<string, string>();
  for (const instruction of file.globalArgs) setArgs(instruction, values, new Map(), buildArgs, file);
  return values;
}

function setArgs(
  instruction: ArgInstruction,
  values: Map<string, string>,
  globals: ReadonlyMap<string, string>,
  buildArgs: ReadonlyMap<string, string>,
  file: Containerfile,
): void {
  for (const { key, value } of instruction.args) {
    const given = buildArgs.get(key);
    if (given !== undefined) values.set(key, given);
    else if (value !== undefined) values.set(key, expandKnown(value, values, file, instruction.at));
    else if (globals.has(key)) values.set(key, globals.get(key)!);
  }
}

function setEnv(instruction: EnvInstruction, values: Map<string, string>, file: Containerfile): void {
  const before = new Map(values);
  for (const { key, value } of instruction.pairs) values.set(key, expandKnown(value, before, file, instruction.at));
}

/** A word with what is known put in; a variable of unknown value becomes `*`, and so does what cannot be expanded. */
export function expandKnown(
  word: string,
  values: ReadonlyMap<string, string>,
  file: Containerfile,
  at: SourceLocation,
): string {
  try {
    return expandWord(word, (name) => values.get(name) ?? '*', { escape: file.directives.escape, at });
  } catch (error) {
    if (error instanceof BuildError) return '*';
    throw error;
  }
}
