// Owns: what a recipe may not do, or had better not do. Reads the recipe folder's listing, and nothing else on disk;
// what is wrong with a Containerfile by itself is src/containerfile/lint.ts's.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { hasWildcard } from '../containerfile/glob.ts';
import type { Containerfile, CopyInstruction, RunInstruction, Stage } from '../containerfile/instruction.ts';
import { findStage } from '../containerfile/parse.ts';
import type { SourceLocation } from '../errors.ts';
import { contextPatterns, expandKnown, globalValues, isRemote, reaches } from './context-use.ts';
import { nearMisses } from './near-miss.ts';
import { type Agreement, ORIGIN, type Recipe, SELF, type Source, START, type Tree } from './types.ts';

export type RecipeFindingCode =
  | 'networked-step'
  | 'mount'
  | 'insecure-step'
  | 'unpinned-add'
  | 'unpinned-source'
  | 'missing-source'
  | 'unused-source'
  | 'mirror'
  | 'unsorted-copy'
  | 'missing-stage'
  | 'missing-metadata'
  | 'name'
  | 'too-long'
  | 'unused-allowance'
  | 'unknown-recipe'
  | 'cycle';

export interface RecipeFinding {
  readonly code: RecipeFindingCode;
  readonly severity: 'error' | 'warning';
  readonly at: SourceLocation;
  readonly message: string;
}

const STAGES = ['base', 'fetch', 'build', 'install', 'package'];
const MOST_LINES = 60;
const NEEDING_LEAVE = ['cache', 'secret', 'ssh'] as const;

/** A reference to another image: FROM, `COPY --from`, `RUN --mount=from=`. */
export interface Reference {
  /** As written, global ARG defaults put in. */
  readonly image: string;
  readonly at: SourceLocation;
}

/** What a stage refers to: a stage before it, or an image. */
interface StageReference extends Reference {
  readonly stage: Stage | undefined;
}

/** In order; scratch and variables of unknown value left out. */
function referencesOf(file: Containerfile, stage: Stage): StageReference[] {
  const globals = globalValues(file, new Map());
  const references: StageReference[] = [];
  const add = (written: string | undefined, at: SourceLocation, numbers: boolean): void => {
    const image = written === undefined ? '' : expandKnown(written, globals, file, at);
    if (image === '' || image === 'scratch' || image.includes('*')) return;
    references.push({ image, at, stage: findStage(file, image, stage.index, numbers) });
  };
  add(stage.from.image, stage.from.at, false);
  for (const instruction of stage.instructions) {
    if (instruction.keyword === 'COPY') add(instruction.from, instruction.at, true);
    if (instruction.keyword !== 'RUN') continue;
    for (const mount of instruction.mounts) add(mount.from, instruction.at, true);
  }
  return references;
}

/** Every image the stages refer to that is none of the file's own stages, in order. */
export function imageReferences(file: Containerfile, stages: readonly Stage[] = file.stages): Reference[] {
  const references = stages.flatMap((stage) => referencesOf(file, stage));
  return references.filter(({ stage }) => stage === undefined).map(({ image, at }) => ({ image, at }));
}

/** The stages that a target is made of, in order; the last one where it is undefined or names none. */
function stagesOf(file: Containerfile, target: string | undefined): readonly Stage[] {
  const wanted = target === undefined ? undefined : findStage(file, target, file.stages.length);
  const found = new Set<Stage>();
  const waiting = [wanted ?? file.stages.at(-1)];
  for (let stage = waiting.pop(); stage !== undefined; stage = waiting.pop()) {
    if (found.has(stage)) continue;
    found.add(stage);
    waiting.push(...referencesOf(file, stage).flatMap((reference) => reference.stage ?? []));
  }
  return file.stages.filter((stage) => found.has(stage));
}

/**
 * Recipes of the tree that a Containerfile needs, each with its first reference. Of a recipe given, which may be one of several
 * its Containerfile makes, what its own stages need; an agreement needs its origins too.
 */
export function neededRecipes(file: Containerfile, tree: Tree, recipe?: Recipe): ReadonlyMap<string, SourceLocation> {
  const needed = new Map<string, SourceLocation>();
  for (const { origin, at } of recipe?.agreement === undefined ? [] : recipesOf(recipe.agreement)) {
    const name = tree.lookup(origin);
    if (name !== undefined && !needed.has(name)) needed.set(name, at);
  }
  const stages = recipe === undefined ? file.stages : stagesOf(file, recipe.target);
  for (const { image, at } of imageReferences(file, stages)) {
    const name = tree.lookup(image);
    if (name !== undefined && !needed.has(name)) needed.set(name, at);
  }
  return needed;
}

/** The recipes an agreement names, each with its place; `start` and `self` are none. */
function recipesOf({ origins, locations, start }: Agreement): { origin: string; at: SourceLocation }[] {
  const named = origins.map((origin, index) => ({ origin, at: locations[index]! }));
  const recipes = named.filter(({ origin }) => origin !== SELF && origin !== START);
  return start === undefined ? recipes : [{ origin: start.recipe, at: start.location }, ...recipes];
}

/** Name of a stage in `[allow] network`: what AS says, or its position from 0. */
function stageName(stage: Stage): string {
  return stage.name ?? String(stage.index);
}

/**
 * True when `[allow] network` names the stage, or the step as `STAGE:N`, the N-th RUN of that stage from 1.
 */
export function isNetworkAllowed(recipe: Recipe, stage: Stage, run: number): boolean {
  const name = stageName(stage);
  return recipe.allow.network.some((allowed) => allowed.toLowerCase() === name || allowed === `${name}:${run}`);
}

/**
 * Findings of one recipe, by file and line. Without a tree, references are not looked at; without a Containerfile (a
 * distribution root has none), only package.toml is.
 */
export function lintRecipe(recipe: Recipe, file: Containerfile | undefined, tree?: Tree): RecipeFinding[] {
  const findings: RecipeFinding[] = [...lintMetadata(recipe, tree), ...recipe.sources.flatMap(lintPins)];
  if (file !== undefined) {
    findings.push(...lintUse(recipe, file), ...lintSteps(recipe, file), ...lintAllowances(recipe, file));
    findings.push(...lintShape(recipe, file, tree));
    if (tree !== undefined) findings.push(...lintReferences(file, tree), ...lintAgreement(recipe, file, tree));
  }
  return findings.sort((one, other) =>
    one.at.file === other.at.file ? one.at.line - other.at.line : one.at.file < other.at.file ? -1 : 1,
  );
}

function isOwn(tree: Tree | undefined): boolean {
  return tree?.form !== 'foreign';
}

function lintMetadata(recipe: Recipe, tree: Tree | undefined): RecipeFinding[] {
  const findings: RecipeFinding[] = [];
  const at = recipe.location;
  for (const key of ['license', 'website'] as const) {
    // Our own text has no upstream whose page could be named.
    const needless = key === 'website' && recipe.sources.every((source) => source.format === 'hex');
    if (recipe[key] === '' && !needless) {
      findings.push({ code: 'missing-metadata', severity: 'warning', at, message: `no ${key} in package.toml` });
    }
  }
  const folder = path.basename(recipe.directory);
  if (isOwn(tree) && recipe.packageName !== undefined && recipe.packageName !== folder) {
    const message = `package.toml says name = "${recipe.packageName}", but the folder is ${folder}`;
    findings.push({ code: 'name', severity: 'error', at, message });
  }
  return findings;
}

/** What pins a source and where it comes from. */
function lintPins(source: Source): RecipeFinding[] {
  const message = `the hash of ${source.file} pins nothing`;
  const unpinned = /^sha256:0+$/.test(source.digest);
  return [
    ...(unpinned
      ? [{ code: 'unpinned-source', severity: 'error', at: source.hashLocation, message } satisfies RecipeFinding]
      : []),
    ...lintMirrors(source),
  ];
}

/** Sources nobody uses, and files that are used and are not there. */
function lintUse(recipe: Recipe, file: Containerfile): RecipeFinding[] {
  const findings: RecipeFinding[] = [];
  const patterns = contextPatterns(recipe, file);
  for (const source of recipe.sources) {
    if (patterns.some(({ pattern }) => reaches(pattern, `fetch/${source.file}`))) continue;
    const message = `no COPY, ADD or mount uses fetch/${source.file}`;
    findings.push({ code: 'unused-source', severity: 'warning', at: source.location, message });
  }
  for (const { pattern, at, written } of patterns) {
    if (written === undefined || pattern === '' || hasWildcard(pattern)) continue;
    if (recipe.sources.some((source) => reaches(pattern, `fetch/${source.file}`))) continue;
    if (existsSync(path.join(recipe.directory, pattern))) continue;
    const files = recipe.sources.map((source) => `fetch/${source.file}`);
    const near = nearMisses(pattern, files)[0];
    const message =
      `${pattern} is neither a source nor a file of the recipe folder` +
      (near === undefined ? '' : `; did you mean ${near}?`);
    findings.push({ code: 'missing-source', severity: 'error', at, message });
  }
  return findings;
}

function lintMirrors(source: Source): RecipeFinding[] {
  const at = source.location;
  const code = 'mirror';
  if (source.mirrors.length === 0) {
    return [{ code, severity: 'warning', at, message: `${source.file} has no mirror: only distfiles can give it` }];
  }
  return source.mirrors.flatMap((mirror): RecipeFinding[] => {
    const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(mirror)?.[1]?.toLowerCase();
    if (scheme === undefined || ['https', 'debian', 'alpine', 'npm'].includes(scheme)) return [];
    if (scheme === 'file' && !mirror.startsWith('file:/')) return [];
    if (scheme === 'http') {
      return [{ code, severity: 'warning', at, message: `${mirror} tells everybody on the way what is fetched` }];
    }
    const message =
      scheme === 'file' ? `${mirror} exists on this machine only` : `${mirror}: nothing here can fetch ${scheme}:`;
    return [{ code, severity: 'error', at, message }];
  });
}

function lintSteps(recipe: Recipe, file: Containerfile): RecipeFinding[] {
  const findings: RecipeFinding[] = [];
  for (const stage of file.stages) {
    let run = 0;
    for (const instruction of stage.instructions) {
      if (instruction.keyword === 'RUN') findings.push(...lintRun(recipe, stage, instruction, ++run));
      if (instruction.keyword !== 'ADD' || instruction.checksum !== undefined) continue;
      for (const source of instruction.sources.filter((word) => isRemote(word))) {
        const message = `${source} is not pinned; make it a [sources.NAME] of package.toml, or add --checksum`;
        findings.push({ code: 'unpinned-add', severity: 'error', at: instruction.at, message });
      }
    }
  }
  return findings;
}

function lintRun(recipe: Recipe, stage: Stage, instruction: RunInstruction, run: number): RecipeFinding[] {
  const { at } = instruction;
  const findings: RecipeFinding[] = [];
  const error = (code: RecipeFindingCode, message: string): void => {
    findings.push({ code, severity: 'error', at, message });
  };
  const { network } = instruction;
  if ((network === 'default' || network === 'host') && !isNetworkAllowed(recipe, stage, run)) {
    const leave = `[allow] network = ["${stageName(stage)}"]`;
    error('networked-step', `a step with network; if it must be, package.toml says ${leave}`);
  }
  for (const type of NEEDING_LEAVE) {
    if (instruction.mounts.some((mount) => mount.type === type) && !recipe.allow.mounts.includes(type)) {
      error('mount', `a ${type} mount differs between machines; package.toml may say [allow] mounts = ["${type}"]`);
    }
  }
  if (instruction.security === 'insecure') error('insecure-step', 'a recipe may not run a step outside the sandbox');
  return findings;
}

function lintAllowances(recipe: Recipe, file: Containerfile): RecipeFinding[] {
  const steps = file.stages.flatMap((stage) => {
    const runs = stage.instructions.filter((instruction) => instruction.keyword === 'RUN');
    return [stageName(stage), ...runs.map((_, index) => `${stageName(stage)}:${index + 1}`)];
  });
  const mounts = new Set(
    file.stages.flatMap((stage) =>
      stage.instructions.flatMap((one) => (one.keyword === 'RUN' ? one.mounts.map((mount) => mount.type) : [])),
    ),
  );
  const unused = [
    ...recipe.allow.network.filter((name) => !steps.includes(name.toLowerCase())).map((name) => ['network', name]),
    ...recipe.allow.mounts.filter((type) => !(mounts as Set<string>).has(type)).map((type) => ['mounts', type]),
  ];
  return unused.map(([key, name]) => ({
    code: 'unused-allowance',
    severity: 'warning',
    at: recipe.location,
    message: `[allow] ${key} names ${JSON.stringify(name)}, which the Containerfile does not have`,
  }));
}

function lintShape(recipe: Recipe, file: Containerfile, tree: Tree | undefined): RecipeFinding[] {
  const findings: RecipeFinding[] = [];
  const lines = Math.max(1, ...file.stages.flatMap((s) => [s.from, ...s.instructions].map((one) => one.at.lastLine)));
  if (lines > MOST_LINES) {
    const message = `${lines} lines; ${MOST_LINES} are the most a recipe should have`;
    findings.push({ code: 'too-long', severity: 'warning', at: { file: file.file, line: MOST_LINES + 1 }, message });
  }
  if (isOwn(tree) && recipe.kind === 'containerfile') {
    const missing = STAGES.filter((name) => !file.stages.some((stage) => stage.name === name));
    if (missing.length > 0) {
      const message = `no stage ${missing.join(', ')}; our recipes have ${STAGES.join(', ')}`;
      findings.push({ code: 'missing-stage', severity: 'warning', at: { file: file.file, line: 1 }, message });
    }
  }
  for (const stage of file.stages) findings.push(...lintOrder(stage));
  return findings;
}

/** Neighbouring lines that copy whole images should be sorted: their order hardly ever matters, and sorted they merge. */
function lintOrder(stage: Stage): RecipeFinding[] {
  const findings: RecipeFinding[] = [];
  let before: CopyInstruction | undefined;
  for (const instruction of stage.instructions) {
    const whole = instruction.keyword === 'COPY' && isWholeImage(instruction) ? instruction : undefined;
    if (whole?.from !== undefined && before?.from !== undefined && whole.from < before.from) {
      const message = `COPY --from=${whole.from} should stand before --from=${before.from}: such lines are sorted`;
      findings.push({ code: 'unsorted-copy', severity: 'warning', at: whole.at, message });
    }
    before = whole;
  }
  return findings;
}

function isWholeImage(copy: CopyInstruction): boolean {
  const [source, ...others] = copy.sources;
  return (
    copy.from?.includes('/') === true && others.length === 0 && (source === '.' || source === '/') && copy.dest === '/'
  );
}

/** Origins that are no recipes, and `origin` in a Containerfile where nothing, or nobody, says what it is. */
function lintAgreement(recipe: Recipe, file: Containerfile, tree: Tree): RecipeFinding[] {
  const used = imageReferences(file).find(({ image }) => image === ORIGIN);
  const { agreement } = recipe;
  if (agreement === undefined) {
    const message = `${ORIGIN} is what a recipe with [agreement] is built on, and package.toml has none`;
    return used === undefined ? [] : [{ code: 'unknown-recipe', severity: 'error', at: used.at, message }];
  }
  const findings = recipesOf(agreement).flatMap(({ origin, at }): RecipeFinding[] => {
    if (tree.lookup(origin) !== undefined) return [];
    return [{ code: 'unknown-recipe', severity: 'error', at, message: `the tree has no recipe ${origin}` }];
  });
  if (used !== undefined) return findings;
  const message = `nothing is built on ${ORIGIN}: every origin gives the same image whatever it holds`;
  return [...findings, { code: 'unknown-recipe', severity: 'error', at: agreement.locations[0]!, message }];
}

function lintReferences(file: Containerfile, tree: Tree): RecipeFinding[] {
  return imageReferences(file).flatMap(({ image, at }): RecipeFinding[] => {
    if (tree.lookup(image) !== undefined || tree.claims?.(image) !== true) return [];
    const near = nearMisses(image.replace(/[:@].*$/, ''), tree.names());
    const message =
      `the tree has no recipe ${image}` + (near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`);
    return [{ code: 'unknown-recipe', severity: 'error', at, message }];
  });
}

/**
 * Recipes that need themselves, each loop once, at the reference that closes it. `needs` gives what one recipe needs;
 * see neededRecipes.
 */
export function findCycles(
  names: readonly string[],
  needs: (name: string) => ReadonlyMap<string, SourceLocation>,
): RecipeFinding[] {
  const findings: RecipeFinding[] = [];
  const done = new Set<string>();
  for (const start of names) {
    if (done.has(start)) continue;
    // A stack of its own: a long chain of recipes is no reason to run out of the program's.
    const trail = [{ name: start, open: [...needs(start)] }];
    const onTrail = new Set([start]);
    while (trail.length > 0) {
      const top = trail.at(-1)!;
      const next = top.open.shift();
      if (next === undefined) {
        trail.pop();
        onTrail.delete(top.name);
        done.add(top.name);
        continue;
      }
      const [name, at] = next;
      if (onTrail.has(name)) {
        const loop = trail.slice(trail.findIndex((step) => step.name === name)).map((step) => step.name);
        const message = `a recipe that needs itself: ${[...loop, name].join(' → ')}`;
        findings.push({ code: 'cycle', severity: 'error', at, message });
      } else if (!done.has(name)) {
        trail.push({ name, open: [...needs(name)] });
        onTrail.add(name);
      }
    }
  }
  return findings;
}
