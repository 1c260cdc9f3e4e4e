// Owns: the nouns of a recipe tree. Files are read elsewhere in this folder.

import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { SourceLocation } from '../errors.ts';
import type { RootSpec } from '../root/types.ts';

/** `hex`: commented hex text in the recipe folder, decoded by ocibuild; the digest is of the decoded bytes. */
export type SourceFormat = string;

/** One pinned upstream file: `[sources.NAME]` of a package.toml, templates already replaced. */
export interface Source {
  /** The table's name, e.g. `busybox`. */
  readonly name: string;
  /** Of the bytes the build sees. */
  readonly digest: Digest;
  /** File name under `fetch/`. */
  readonly file: string;
  readonly format: SourceFormat;
  readonly version: string;
  /** In order of preference: https, http, `debian:pool/…`, or a path inside the recipe folder. */
  readonly mirrors: readonly string[];
  readonly gitSha?: string;
  /** Bytes, when package.toml says so; a download longer than that is refused. */
  readonly size?: number;
  /** Where `[sources.NAME]` stands. */
  readonly location: SourceLocation;
  /** Where its `hash` stands, for SOURCE_MISMATCH. */
  readonly hashLocation: SourceLocation;
}

/** Lint errors a recipe may switch off, by name: `[allow]` of package.toml. */
export interface Allowances {
  readonly network: readonly string[];
  readonly mounts: readonly string[];
  /** Extended attributes that ADD of an archive may leave out. */
  readonly xattrs: readonly string[];
  /** Files of sources, as `SOURCE/PATH`, wildcards allowed, that may be no text; see `ocibuild trusted`. */
  readonly binaries: readonly string[];
}

/** `[agreement]`: one Containerfile, built once on each origin, and all must give the same image. */
export interface Agreement {
  /** Two or more recipes, each another one, or as the first `start`, or, not as the first, `self`; in the Containerfile, the reference `origin` stands for one of them at a time. */
  readonly origins: readonly string[];
  /** Where each of them stands. */
  readonly locations: readonly SourceLocation[];
  /** The recipe that the origin `start` begins with: what it leads to need not be like the others. */
  readonly start?: { readonly recipe: string; readonly location: SourceLocation };
}

/** The origin that is what the origin before it led to: a compiler that compiles itself. */
export const SELF = 'self';

/** The origin that is what `start` led to: a compiler that keeps parts of whoever compiled it has them no more after that. */
export const START = 'start';

/** What an agreement's Containerfile calls the recipe it is built on. */
export const ORIGIN = 'origin';

/** One folder of a tree. */
export interface Recipe {
  /** As an image name: `recipes/busybox`, `bootstrap/debian12`, or `ns/core-zlib` in a foreign tree. */
  readonly name: string;
  /** The last part: `busybox`. */
  readonly shortName: string;
  /** Absolute host path of the folder. */
  readonly directory: string;
  /** `name` of package.toml, where it gives one. */
  readonly packageName?: string;
  /** Stage to build where that is not the last one: `package-NAME` for a subpackage. */
  readonly target?: string;
  /** As the user would type it, relative to the working directory where that is shorter. */
  readonly shown: string;
  readonly kind: 'containerfile' | 'debian-root' | 'alpine-root';
  /** Absent for a recipe that is built once. */
  readonly agreement?: Agreement;
  /** What a distribution root is made of, absent for every other kind. */
  readonly root?: RootSpec;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly website: string;
  readonly platforms: readonly string[];
  readonly subpackages: readonly string[];
  readonly sources: readonly Source[];
  /** `root`: every entry of the image is 0:0. */
  readonly ownership: 'root' | 'keep';
  /** Seconds since 1970, set on every entry. */
  readonly epoch: number;
  readonly allow: Allowances;
  /** Build args made from package.toml: VERSION…, `<NAME>_VERSION`, `<NAME>_SOURCE`. */
  readonly buildArgs: ReadonlyMap<string, string>;
  /** package.toml, or the Containerfile where there is none. */
  readonly location: SourceLocation;
}

/** `[publish]` of ocibuild.toml: the name signatures are made for. There is no default. */
export interface Publish {
  /** `registry.example/project`, without tag: an image's repository is this, a slash, and the recipe's short name. */
  readonly repository: string;
  readonly tag: string;
  /** Where `[publish]` stands. */
  readonly location: SourceLocation;
}

/** Maps image names to recipe folders. Recipes are read when asked for, not when the tree is found. */
export interface Tree {
  /** Absolute. */
  readonly directory: string;
  /** Every recipe name, sorted. */
  names(): readonly string[];
  has(name: string): boolean;
  /** Throws BuildError RECIPE with a location, or UNKNOWN_RECIPE. */
  recipe(name: string): Recipe;
  /** `busybox`, `recipes/busybox`, `./recipes/busybox/` or an absolute folder to a name. Throws UNKNOWN_RECIPE with near misses. */
  resolve(argument: string): string;
  /** Maps a FROM or `--from` reference to a recipe of this tree, or undefined: it is a foreign image. */
  lookup(reference: string): string | undefined;
  /**
   * `own`: recipes/NAME and bootstrap/NAME, held to our layout by lint. `foreign`: packages/[STAGE/]NAME, taken as it is.
   * Absent where a tree is made up by hand.
   */
  readonly form?: 'own' | 'foreign';
  /** Absent where nobody said, or where a tree is made up by hand. */
  readonly publish?: Publish | undefined;
  /** True for a reference that can only mean a recipe of this tree, whether it exists or not. */
  claims?(reference: string): boolean;
}

/** A source that lies in the store, verified. */
export interface FetchedSource extends Descriptor {
  readonly source: Source;
  /** Absolute host path of the bytes. */
  readonly path: string;
}
