// Owns: the image config, image-spec config.md, with the members Docker adds (Shell, Healthcheck, OnBuild).

import type { Digest } from './digest.ts';
import {
  asObject,
  isCount,
  isFilledText,
  isListOf,
  isMapOf,
  isOneOf,
  isSha256,
  isText,
  isTextList,
  isTextMap,
  isTime,
  isWhole,
  isYesNo,
  type JsonObject,
  optional,
  parseDocument,
  required,
} from './document.ts';
import type { Json } from './json.ts';
import type { Profile } from './profile.ts';

/** The PATH that docker and BuildKit give where an image says none. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What the spec has as a JSON object with empty objects for values: a set of strings. */
export type StringSet = Readonly<Record<string, Readonly<Record<string, never>>>>;

/** Docker's health check. Times are nanoseconds; Test is `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", command]`. */
export interface Healthcheck {
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

/** Defaults for a container of the image: the spec's `config` member. */
export interface ContainerConfig {
  readonly User?: string;
  readonly ExposedPorts?: StringSet;
  /** `NAME=value`, in order. */
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Volumes?: StringSet;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  readonly Shell?: readonly string[];
  readonly Healthcheck?: Healthcheck;
  readonly OnBuild?: readonly string[];
}

export interface HistoryEntry {
  readonly created?: string;
  readonly author?: string;
  readonly created_by?: string;
  readonly comment?: string;
  /** The step made no layer. */
  readonly empty_layer?: boolean;
}

/** Members it does not name are kept by parseConfig and written by encodeConfig. */
export interface ImageConfig {
  readonly created?: string;
  readonly author?: string;
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly 'os.version'?: string;
  readonly 'os.features'?: readonly string[];
  readonly config?: ContainerConfig;
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly Digest[] };
  readonly history?: readonly HistoryEntry[];
}

/** Reads a config of the image-spec or of Docker. Throws OciError DOCUMENT_INVALID naming the JSON path. */
export function parseConfig(bytes: Uint8Array): ImageConfig {
  const document = parseDocument(bytes, 'image config');
  check(document);
  return document as unknown as ImageConfig;
}

/** The config's bytes under a profile. Throws OciError DOCUMENT_INVALID where it would not be one. */
export function encodeConfig(config: ImageConfig, profile: Profile): Buffer {
  const document = config as unknown as JsonObject;
  check(document);
  return profile.encodeJson(document as Json);
}

function check(document: JsonObject): void {
  const top = 'image config';
  required(document, 'architecture', top, isFilledText);
  required(document, 'os', top, isFilledText);
  for (const key of ['author', 'variant', 'os.version']) optional(document, key, top, isText);
  optional(document, 'os.features', top, isTextList);
  optional(document, 'created', top, isTime);
  required(document, 'rootfs', top, (value, path) => {
    const rootfs = asObject(value, path);
    required(rootfs, 'type', path, isOneOf('layers'));
    required(rootfs, 'diff_ids', path, isListOf(isSha256));
  });
  optional(document, 'config', top, checkContainer);
  optional(
    document,
    'history',
    top,
    isListOf((value, path) => {
      const entry = asObject(value, path);
      optional(entry, 'created', path, isTime);
      for (const key of ['author', 'created_by', 'comment']) optional(entry, key, path, isText);
      optional(entry, 'empty_layer', path, isYesNo);
    }),
  );
}

function checkContainer(value: Json, path: string): void {
  const container = asObject(value, path);
  for (const key of ['User', 'WorkingDir', 'StopSignal']) optional(container, key, path, isText);
  for (const key of ['Env', 'Entrypoint', 'Cmd', 'Shell', 'OnBuild']) optional(container, key, path, isTextList);
  optional(container, 'Labels', path, isTextMap);
  for (const key of ['ExposedPorts', 'Volumes']) {
    optional(
      container,
      key,
      path,
      isMapOf((item, itemPath) => void asObject(item, itemPath)),
    );
  }
  optional(container, 'Healthcheck', path, (health, healthPath) => {
    const members = asObject(health, healthPath);
    optional(members, 'Test', healthPath, isTextList);
    for (const key of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval']) {
      optional(members, key, healthPath, isWhole);
    }
    optional(members, 'Retries', healthPath, isCount);
  });
}
