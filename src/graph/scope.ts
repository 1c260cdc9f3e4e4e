// Owns: which variables an instruction sees. ARG and ENV of one stage, and how ENV shadows ARG
// (Dockerfile reference, "Using ARG variables" and "Impact on build caching").

import type { Platform } from '../../oci/platform.ts';
import { formatPlatform } from '../../oci/platform.ts';

/** Build args every stage may pass on without declaring them: they reach RUN's environment, but no cache key. */
export const PROXY_ARGS: readonly string[] = [
  'HTTP_PROXY',
  'http_proxy',
  'HTTPS_PROXY',
  'https_proxy',
  'FTP_PROXY',
  'ftp_proxy',
  'NO_PROXY',
  'no_proxy',
  'ALL_PROXY',
  'all_proxy',
];

/** Values of the predefined platform args; usable in FROM, and in a stage once it declares them. */
export function platformArgs(target: Platform, build: Platform): ReadonlyMap<string, string> {
  const args = new Map<string, string>();
  for (const [prefix, platform] of [
    ['BUILD', build],
    ['TARGET', target],
  ] as const) {
    args.set(`${prefix}PLATFORM`, formatPlatform(platform));
    args.set(`${prefix}OS`, platform.os);
    args.set(`${prefix}ARCH`, platform.architecture);
    args.set(`${prefix}VARIANT`, platform.variant ?? '');
  }
  return args;
}

/** What came from the command line or package.toml, and which of it was ever declared. */
export class BuildArgs {
  readonly #given: ReadonlyMap<string, string>;
  readonly #declared = new Set<string>();

  constructor(given: ReadonlyMap<string, string>) {
    this.#given = given;
  }

  /** The value given for a name some ARG declares. */
  declare(name: string): string | undefined {
    this.#declared.add(name);
    return this.#given.get(name);
  }

  /** Given on the command line, declared or not. */
  given(name: string): string | undefined {
    return this.#given.get(name);
  }

  /** Names given that no ARG declared, sorted; proxy names never count. */
  undeclared(): readonly string[] {
    return [...this.#given.keys()].filter((name) => !this.#declared.has(name) && !PROXY_ARGS.includes(name)).sort();
  }
}

/** The variables of one stage at one point. Copied when a stage is built upon. */
export class Scope {
  readonly env: Map<string, string>;
  readonly args: Map<string, string | undefined>;

  constructor(env: ReadonlyMap<string, string>, args: ReadonlyMap<string, string | undefined>) {
    this.env = new Map(env);
    this.args = new Map(args);
  }

  copy(): Scope {
    return new Scope(this.env, this.args);
  }

  /** ENV wins over ARG of the same name, wherever it stands. */
  readonly lookup = (name: string): string | undefined => this.env.get(name) ?? this.args.get(name);

  /** The environment a RUN starts with: ENV first, then the ARGs it does not shadow, each as `NAME=value`. */
  runEnvironment(): string[] {
    const lines = [...this.env].map(([name, value]) => `${name}=${value}`);
    for (const [name, value] of this.args) {
      if (value !== undefined && !this.env.has(name)) lines.push(`${name}=${value}`);
    }
    return lines;
  }
}
