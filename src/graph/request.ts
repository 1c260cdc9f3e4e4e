// Owns: what lowering needs to know from outside: the Containerfile asked for, and how to find the images it names.

import type { ImageConfig } from '../../oci/config.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { StampPolicy } from '../../oci/layer/entry.ts';
import type { Platform } from '../../oci/platform.ts';
import type { Profile } from '../../oci/profile.ts';
import type { Containerfile } from '../containerfile/instruction.ts';
import type { Recipe } from '../recipe/types.ts';
import type { ContextRef } from './op.ts';

/** `--build-context NAME=…`: a folder, or an image in an OCI layout. */
export type NamedContext =
  | { readonly type: 'directory'; readonly context: ContextRef }
  | { readonly type: 'layout'; readonly directory: string; readonly selector: string | undefined };

/** One Containerfile, or one distribution root, to be turned into a target. */
export interface BuildRequest {
  readonly name: string;
  readonly recipe: Recipe | undefined;
  /** Absent for a distribution root: it has a lock file instead. */
  readonly containerfile: Containerfile | undefined;
  readonly context: ContextRef;
  readonly contexts: ReadonlyMap<string, NamedContext>;
  /** Stage name or number; the last stage when absent. */
  readonly stage: string | undefined;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly platform: Platform;
  readonly policy: StampPolicy;
  /** Decides how history and times are written. */
  readonly profile: Profile;
  /** Network of steps that do not say. */
  readonly network: 'none' | 'default' | 'host';
  /** The recipe that the reference `origin` means, in one of the builds of an agreement. */
  readonly origin?: string;
  /** `--label` of the command line; they win over LABEL. */
  readonly labels: ReadonlyMap<string, string>;
  /** `ocibuild shell NAME`, with the flags this request needs; absent for a target that `shell` cannot name. */
  readonly shellCommand?: string;
  /** Extended attributes that ADD may leave out; absent: all of them, with a warning. */
  readonly xattrs: readonly string[] | undefined;
}

export interface LayoutImage {
  /** Digest of its manifest. */
  readonly manifest: Digest;
  readonly config: ImageConfig;
  readonly layers: readonly { readonly descriptor: Descriptor; readonly diffId: Digest }[];
}

/** How names in FROM and `--from` are found. */
export interface ImageFinder {
  /** A recipe of the tree that the reference names, or undefined. */
  lookup(reference: string): string | undefined;
  /** True for a reference that can only mean a recipe of the tree, whether that exists or not. */
  claims(reference: string): boolean;
  request(recipeName: string): BuildRequest;
  /** Throws when the layout holds no image for the platform. */
  layoutImage(directory: string, platform: Platform, selector: string | undefined): LayoutImage;
}
