// Owns: the meaning of one Containerfile: stages to ops, instructions to changes of rootfs and config. Pure: no file is
// read, no name is looked up in a rootfs (users are resolved when an op runs).

import { posix } from 'node:path';
import { hostPlatform, parsePlatform } from '../../oci/platform.ts';
import { expandInstruction } from '../containerfile/expand.ts';
import type {
  ArgInstruction,
  CommandLine,
  Containerfile,
  CopyInstruction,
  FromInstruction,
  HealthcheckInstruction,
  Instruction,
  Mount,
  RunInstruction,
  Span,
  Stage,
  StageInstruction,
} from '../containerfile/instruction.ts';
import { exposedPorts, parseTrigger } from '../containerfile/parse.ts';
import { BuildError } from '../errors.ts';
import type { OpId } from '../progress/event.ts';
import { ORIGIN } from '../recipe/types.ts';
import { type GraphBuilder, identityOf, type Lowered, type LoweredFile } from './builder.ts';
import { lowerCopy } from './copy.ts';
import { copyState, type ImageState, shellOf } from './image-state.ts';
import { lowerMount } from './mount.ts';
import type { FileOrigin, OpLabel, OpMount, StageEnd } from './op.ts';
import type { BuildRequest } from './request.ts';
import { BuildArgs, PROXY_ARGS, platformArgs, Scope } from './scope.ts';

interface StageResult extends Lowered {
  readonly scope: Scope;
}

const LAYER_KEYWORDS = new Set(['RUN', 'COPY', 'ADD', 'WORKDIR']);

/** Lowers the file of one request. Throws BuildError with the line that is at fault. */
export function lowerFile(builder: GraphBuilder, request: BuildRequest): LoweredFile {
  return new FileLowering(builder, request).lower();
}

/** Stages are lowered when something needs them, each once. */
class FileLowering {
  readonly #builder: GraphBuilder;
  readonly #request: BuildRequest;
  readonly #identity: string;
  readonly #file: Containerfile;
  readonly #buildArgs: BuildArgs;
  readonly #platformArgs: ReadonlyMap<string, string>;
  readonly #globals = new Map<string, string | undefined>();
  readonly #stages = new Map<number, StageResult>();

  constructor(builder: GraphBuilder, request: BuildRequest) {
    this.#builder = builder;
    this.#request = request;
    this.#identity = identityOf(request);
    this.#file = request.containerfile!;
    this.#buildArgs = new BuildArgs(request.buildArgs);
    this.#platformArgs = platformArgs(request.platform, hostPlatform());
  }

  lower(): LoweredFile {
    for (const warning of this.#file.warnings) this.#builder.warn(warning.message, warning.at);
    this.#readGlobals();
    const wanted = this.#wantedStage();
    const lowered = this.#stage(wanted);
    // Recipes hand every package.toml value over; only what a person typed is worth a warning.
    if (this.#request.recipe === undefined) {
      for (const name of this.#buildArgs.undeclared()) {
        this.#builder.warn(`build arg ${name} is declared by no ARG and was not used`);
      }
    }
    const stages = new Map<string, StageEnd>();
    for (const [index, result] of this.#stages) {
      const { name } = this.#file.stages[index]!;
      const end = this.#stageEnd(name ?? String(index), result);
      stages.set(String(index), end);
      if (name !== undefined) stages.set(name, end);
    }
    return { lowered, stage: stages.get(String(wanted))!, stages };
  }

  #stageEnd(name: string, { op, state, scope }: StageResult): StageEnd {
    const env = this.#runEnvironment(scope);
    return { op, name, env, cwd: state.workingDir, user: state.user, shell: state.shell };
  }

  #wantedStage(): number {
    const wanted = this.#request.stage;
    if (wanted === undefined) return this.#file.stages.length - 1;
    const index = this.#findStage(wanted, this.#file.stages.length);
    if (index !== undefined) return index;
    const names = this.#file.stages.map((stage) => stage.name ?? String(stage.index)).join(', ');
    throw new BuildError('UNKNOWN_STAGE', `no stage ${wanted} in ${this.#file.file}`, { want: names, got: wanted });
  }

  /** A stage by name or number, among those before `limit`. */
  #findStage(name: string, limit: number): number | undefined {
    const lowered = name.toLowerCase();
    for (let index = limit - 1; index >= 0; index--) {
      if (this.#file.stages[index]!.name === lowered) return index;
    }
    return /^\d+$/.test(name) && Number(name) < limit ? Number(name) : undefined;
  }

  #readGlobals(): void {
    const lookup = (name: string): string | undefined => this.#globals.get(name) ?? this.#predefined(name);
    for (const written of this.#file.globalArgs) {
      for (const { key, value } of this.#expand(written, lookup).args) {
        this.#globals.set(key, this.#buildArgs.declare(key) ?? value ?? this.#predefined(key));
      }
    }
  }

  #predefined(name: string): string | undefined {
    if (name === 'SOURCE_DATE_EPOCH') return String(this.#request.policy.epoch);
    return this.#buildArgs.given(name) !== undefined && this.#platformArgs.has(name)
      ? this.#buildArgs.given(name)
      : this.#platformArgs.get(name);
  }

  #expand<T extends Instruction>(instruction: T, lookup: (name: string) => string | undefined): T {
    return expandInstruction(instruction, lookup, this.#file.directives.escape);
  }

  #stage(index: number): StageResult {
    const known = this.#stages.get(index);
    if (known !== undefined) return known;
    const stage = this.#file.stages[index]!;
    const result = this.#lowerStage(stage);
    this.#stages.set(index, result);
    return result;
  }

  #lowerStage(stage: Stage): StageResult {
    const stageName = stage.name ?? String(stage.index);
    const base = this.#from(stage, stageName);
    const triggers = base.triggers.map((trigger) => parseTrigger(trigger, stage.from.at));
    const instructions = [...triggers, ...stage.instructions];
    const steps = instructions.filter((instruction) => LAYER_KEYWORDS.has(instruction.keyword)).length;
    const current = new StageState(base, stage, stageName);
    let step = 0;
    for (const instruction of instructions) {
      if (LAYER_KEYWORDS.has(instruction.keyword)) step++;
      this.#apply(current, this.#expandFor(current, instruction), {
        target: this.#request.name,
        stage: stageName,
        step,
        steps,
        text: instruction.text,
        location: { file: instruction.at.file, line: instruction.at.line },
      });
    }
    return { op: current.op, state: current.state, scope: current.scope, triggers: [] };
  }

  #expandFor(current: StageState, instruction: StageInstruction): StageInstruction {
    return this.#expand(instruction, current.scope.lookup);
  }

  #from(stage: Stage, stageName: string): StageResult {
    const from: FromInstruction = this.#expand(stage.from, (name) => this.#globals.get(name) ?? this.#predefined(name));
    const label: OpLabel = {
      target: this.#request.name,
      stage: stageName,
      step: 0,
      steps: 0,
      text: from.text,
      location: { file: from.at.file, line: from.at.line },
    };
    if (from.image === '') {
      throw new BuildError('EXPAND', `FROM ${stage.from.image} names no image once its variables are expanded`, {
        location: from.at,
        hint: 'give the ARG a default above the first FROM, or pass --build-arg',
      });
    }
    const platform = from.platform === undefined ? this.#request.platform : parsePlatform(from.platform);
    const earlier = this.#findNamedStage(from.image, stage.index);
    if (earlier !== undefined) {
      const result = this.#stage(earlier);
      const inherited = { ...result, state: copyState(result.state), triggers: result.state.onBuild };
      return { ...inherited, scope: result.scope.copy() };
    }
    const lowered =
      from.image === 'scratch' ? this.#builder.scratch(label) : this.#image(from.image, from.at, platform, label);
    return { ...lowered, scope: new Scope(lowered.state.env, new Map()) };
  }

  /** FROM takes stage names only; a number is an image name there. */
  #findNamedStage(name: string, limit: number): number | undefined {
    return /^\d+$/.test(name) ? undefined : this.#findStage(name, limit);
  }

  #image(reference: string, at: Span, platform: BuildRequest['platform'], label: OpLabel): Lowered {
    const named = this.#request.contexts.get(reference);
    if (named?.type === 'layout') return this.#builder.layoutImage(named.directory, platform, named.selector, label);
    const recipe = reference === ORIGIN ? this.#request.origin : this.#builder.finder.lookup(reference);
    if (recipe !== undefined) {
      const index = this.#builder.target(recipe, () => this.#builder.finder.request(recipe), at);
      return this.#builder.targetImage(index, label);
    }
    if (this.#builder.finder.claims(reference)) {
      throw new BuildError('UNKNOWN_RECIPE', `the tree has no recipe ${reference}`, {
        location: at,
        hint: 'ocibuild plan --all lists those it has',
      });
    }
    throw new BuildError(
      'MACHINE',
      `${reference} is no stage, recipe or named context, and registries cannot be read yet`,
      {
        location: at,
        hint: `hand the image over as --build-context ${reference}=oci:DIR`,
      },
    );
  }

  #apply(current: StageState, instruction: StageInstruction, label: OpLabel): void {
    const { state } = current;
    switch (instruction.keyword) {
      case 'ARG':
        this.#declareArgs(current, instruction);
        break;
      case 'ENV':
        for (const { key, value } of instruction.pairs) {
          current.scope.env.set(key, value);
          state.env.set(key, value);
        }
        break;
      case 'LABEL':
        for (const { key, value } of instruction.pairs) state.labels.set(key, value);
        break;
      case 'RUN':
        current.op = this.#run(current, instruction, label);
        break;
      case 'COPY':
      case 'ADD':
        current.op = this.#copy(current, instruction, label);
        break;
      case 'WORKDIR':
        this.#workdir(current, instruction.path, label);
        break;
      case 'USER':
        state.user = instruction.user;
        break;
      case 'CMD':
        state.cmd = this.#command(state, instruction.command);
        state.isCmdOwn = true;
        break;
      case 'ENTRYPOINT':
        state.entrypoint = this.#command(state, instruction.command);
        if (!state.isCmdOwn) state.cmd = undefined;
        break;
      case 'SHELL':
        state.shell = instruction.command.args;
        break;
      case 'EXPOSE':
        for (const port of exposedPorts(instruction.ports)) state.exposedPorts.add(port);
        break;
      case 'VOLUME':
        for (const path of instruction.paths) state.volumes.add(path);
        break;
      case 'STOPSIGNAL':
        state.stopSignal = instruction.signal;
        break;
      case 'HEALTHCHECK':
        state.healthcheck = this.#healthcheck(instruction);
        break;
      case 'ONBUILD':
        state.onBuild.push(instruction.trigger);
        break;
      case 'MAINTAINER':
        state.author = instruction.name;
        break;
    }
    this.#remember(state, instruction);
  }

  /** History entry of one instruction (image-spec config.md, "history"); layer-making ones are matched to layers in order. */
  #remember(state: ImageState, instruction: StageInstruction): void {
    const makesLayer =
      instruction.keyword === 'WORKDIR' ? state.workingDir !== '/' : LAYER_KEYWORDS.has(instruction.keyword);
    const { policy, profile } = this.#request;
    state.history.push(profile.history({ createdBy: instruction.text, epoch: policy.epoch, emptyLayer: !makesLayer }));
  }

  #declareArgs(current: StageState, instruction: ArgInstruction): void {
    for (const { key, value } of instruction.args) {
      const given = this.#buildArgs.declare(key);
      const inherited = value === undefined ? (this.#globals.get(key) ?? this.#predefined(key)) : value;
      current.scope.args.set(key, given ?? inherited ?? current.scope.args.get(key));
    }
  }

  #command(state: ImageState, command: CommandLine): readonly string[] {
    return command.form === 'json' ? command.args : [...shellOf(state), ...command.args];
  }

  #healthcheck(instruction: HealthcheckInstruction): NonNullable<ImageState['healthcheck']> {
    const { command } = instruction;
    if (command === undefined) return { Test: ['NONE'] };
    const set = { Interval: instruction.interval, Timeout: instruction.timeout, Retries: instruction.retries };
    const more = { StartPeriod: instruction.startPeriod, StartInterval: instruction.startInterval };
    return {
      Test: [command.form === 'json' ? 'CMD' : 'CMD-SHELL', ...command.args],
      ...Object.fromEntries(Object.entries({ ...set, ...more }).filter(([, value]) => value !== undefined)),
    };
  }

  #workdir(current: StageState, path: string, label: OpLabel): void {
    const { state } = current;
    state.workingDir = posix.resolve('/', state.workingDir, path);
    if (state.workingDir === '/') return;
    current.op = this.#builder.add({
      kind: 'workdir',
      base: current.op,
      path: state.workingDir,
      user: state.user,
      label,
    });
  }

  #run(current: StageState, instruction: RunInstruction, label: OpLabel): OpId {
    if (instruction.security === 'insecure') {
      throw new BuildError('PARSE', 'RUN --security=insecure is not offered: every step runs in the sandbox', {
        location: instruction.at,
      });
    }
    const { state, scope } = current;
    const script = instruction.script;
    const proxies = PROXY_ARGS.filter(
      (name) => scope.lookup(name) === undefined && this.#buildArgs.given(name) !== undefined,
    );
    const mounts = instruction.mounts.map((mount) => this.#mount(current, mount, instruction.at));
    const sockets = mounts.filter((mount) => mount.type === 'ssh' && state.env.get('SSH_AUTH_SOCK') === undefined);
    return this.#builder.add({
      kind: 'run',
      base: current.op,
      args: script === undefined ? this.#command(state, instruction.command) : [],
      script,
      env: [
        ...this.#runEnvironment(scope),
        ...proxies.map((name) => `${name}=${this.#buildArgs.given(name)}`),
        ...sockets.slice(0, 1).map((mount) => `SSH_AUTH_SOCK=${mount.target}`),
      ],
      unkeyedEnv: proxies,
      cwd: state.workingDir,
      user: state.user,
      mounts,
      network: instruction.network ?? this.#request.network,
      identity: this.#identity,
      shellCommand: this.#request.shellCommand,
      label,
    });
  }

  #runEnvironment(scope: Scope): readonly string[] {
    return [...scope.runEnvironment(), ...this.#epochLine(scope)];
  }

  /** Steps learn the epoch their files will be stamped with; 0 is what the sandbox says by itself. */
  #epochLine(scope: Scope): readonly string[] {
    const { epoch } = this.#request.policy;
    return epoch === 0 || scope.lookup('SOURCE_DATE_EPOCH') !== undefined ? [] : [`SOURCE_DATE_EPOCH=${epoch}`];
  }

  #mount(current: StageState, mount: Mount, at: Span): OpMount {
    const readsFiles = mount.type === 'bind' || (mount.type === 'cache' && mount.from !== undefined);
    const origin = readsFiles ? this.#origin(mount.from, current, at) : undefined;
    return lowerMount(mount, current.state.workingDir, origin, at);
  }

  /** `--from`: an earlier stage by name or number, a named context, a recipe, else a foreign image. */
  #origin(from: string | undefined, current: StageState, at: Span): FileOrigin {
    if (from === undefined) return { type: 'context', context: this.#request.context };
    const index = this.#findStage(from, current.stage.index);
    if (index !== undefined) return { type: 'op', op: this.#stage(index).op };
    const named = this.#request.contexts.get(from);
    if (named?.type === 'directory') return { type: 'context', context: named.context };
    const label: OpLabel = {
      target: this.#request.name,
      stage: current.stageName,
      step: 0,
      steps: 0,
      text: `--from=${from}`,
      location: { file: at.file, line: at.line },
    };
    if (from === 'scratch') return { type: 'op', op: this.#builder.scratch(label).op };
    return { type: 'op', op: this.#image(from, at, this.#request.platform, label).op };
  }

  #copy(current: StageState, instruction: CopyInstruction, label: OpLabel): OpId {
    const files = lowerCopy(instruction, current.state.workingDir);
    const origin = this.#origin(instruction.from, current, instruction.at);
    return this.#builder.add({ kind: 'copy', base: current.op, origin, xattrs: this.#request.xattrs, ...files, label });
  }
}

/** Where one stage stands while its instructions are read. */
class StageState {
  op: OpId;
  readonly state: ImageState;
  readonly scope: Scope;
  readonly stage: Stage;
  readonly stageName: string;

  constructor(base: StageResult, stage: Stage, stageName: string) {
    this.op = base.op;
    this.state = base.state;
    this.scope = base.scope;
    this.stage = stage;
    this.stageName = stageName;
  }
}
