// Owns: the image config while the instructions of a stage change it. Plain data until `toConfig` makes the document.

import { DEFAULT_PATH, type Healthcheck, type HistoryEntry, type ImageConfig } from '../../oci/config.ts';
import type { Platform } from '../../oci/platform.ts';

const DEFAULT_SHELL: readonly string[] = ['/bin/sh', '-c'];

export interface ImageState {
  env: Map<string, string>;
  user: string;
  workingDir: string;
  entrypoint: readonly string[] | undefined;
  cmd: readonly string[] | undefined;
  /** CMD was set in this stage; an ENTRYPOINT that follows an inherited CMD drops it. */
  isCmdOwn: boolean;
  labels: Map<string, string>;
  shell: readonly string[] | undefined;
  exposedPorts: Set<string>;
  volumes: Set<string>;
  stopSignal: string | undefined;
  healthcheck: Healthcheck | undefined;
  onBuild: string[];
  author: string | undefined;
  history: HistoryEntry[];
}

/** An image from nothing. BuildKit gives it a PATH and the root as working directory, and so do we. */
export function emptyImage(): ImageState {
  return {
    env: new Map([['PATH', DEFAULT_PATH]]),
    user: '',
    workingDir: '/',
    entrypoint: undefined,
    cmd: undefined,
    isCmdOwn: false,
    labels: new Map(),
    shell: undefined,
    exposedPorts: new Set(),
    volumes: new Set(),
    stopSignal: undefined,
    healthcheck: undefined,
    onBuild: [],
    author: undefined,
    history: [],
  };
}

/** What a child inherits. Triggers are taken out: they fire once, and the caller reads them before. */
export function inheritImage(config: ImageConfig): ImageState {
  const runtime = config.config ?? {};
  const env = new Map<string, string>();
  for (const line of runtime.Env ?? []) {
    const equals = line.indexOf('=');
    env.set(equals < 0 ? line : line.slice(0, equals), equals < 0 ? '' : line.slice(equals + 1));
  }
  return {
    env,
    user: runtime.User ?? '',
    workingDir: runtime.WorkingDir === undefined || runtime.WorkingDir === '' ? '/' : runtime.WorkingDir,
    entrypoint: runtime.Entrypoint ?? undefined,
    cmd: runtime.Cmd ?? undefined,
    isCmdOwn: false,
    labels: new Map(Object.entries(runtime.Labels ?? {})),
    shell: runtime.Shell ?? undefined,
    exposedPorts: new Set(Object.keys(runtime.ExposedPorts ?? {})),
    volumes: new Set(Object.keys(runtime.Volumes ?? {})),
    stopSignal: runtime.StopSignal,
    healthcheck: runtime.Healthcheck,
    onBuild: [],
    author: config.author,
    history: [...(config.history ?? [])],
  };
}

/** A stage built upon another stage of the same file: everything, history and pending triggers included. */
export function copyState(state: ImageState): ImageState {
  return {
    ...state,
    env: new Map(state.env),
    labels: new Map(state.labels),
    exposedPorts: new Set(state.exposedPorts),
    volumes: new Set(state.volumes),
    isCmdOwn: false,
    onBuild: [],
    history: [...state.history],
  };
}

export function shellOf(state: ImageState): readonly string[] {
  return state.shell ?? DEFAULT_SHELL;
}

/** The config document without rootfs.diff_ids, which the layers give. `created` is RFC 3339. */
export function toConfig(state: ImageState, platform: Platform, created: string): ImageConfig {
  return {
    created,
    ...(state.author === undefined ? {} : { author: state.author }),
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    config: {
      ...(state.env.size === 0 ? {} : { Env: [...state.env].map(([name, value]) => `${name}=${value}`) }),
      ...(state.user === '' ? {} : { User: state.user }),
      WorkingDir: state.workingDir,
      ...(state.entrypoint === undefined ? {} : { Entrypoint: state.entrypoint }),
      ...(state.cmd === undefined ? {} : { Cmd: state.cmd }),
      ...(state.labels.size === 0 ? {} : { Labels: Object.fromEntries(state.labels) }),
      ...(state.exposedPorts.size === 0 ? {} : { ExposedPorts: emptyObjects(state.exposedPorts) }),
      ...(state.volumes.size === 0 ? {} : { Volumes: emptyObjects(state.volumes) }),
      ...(state.stopSignal === undefined ? {} : { StopSignal: state.stopSignal }),
      ...(state.healthcheck === undefined ? {} : { Healthcheck: state.healthcheck }),
      ...(state.onBuild.length === 0 ? {} : { OnBuild: state.onBuild }),
      ...(state.shell === undefined ? {} : { Shell: state.shell }),
    },
    rootfs: { type: 'layers', diff_ids: [] },
    history: state.history,
  };
}

function emptyObjects(names: ReadonlySet<string>): Record<string, Record<string, never>> {
  return Object.fromEntries([...names].sort().map((name) => [name, {}]));
}
