// Owns: the nouns of a root made of Debian packages: what a recipe asks for, and what a lock file pins.

import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { SourceLocation } from '../errors.ts';

/** An OpenPGP key of the archive, kept as armored text in the recipe folder. */
export interface PinnedKey {
  /** Relative to the recipe folder. */
  readonly file: string;
  /** Of the primary key: 40 upper-case hex digits. */
  readonly fingerprint: string;
}

/** `[root]` of a package.toml whose kind is `debian-root`. */
export interface RootSpec {
  /** Codename, as it stands under `dists/` and in the Release file. */
  readonly suite: string;
  /** Sorted. */
  readonly components: readonly string[];
  /** Debian's word for it: `amd64`. */
  readonly architecture: string;
  /** The packages asked for, sorted; what they depend on comes by itself. */
  readonly packages: readonly string[];
  readonly keys: readonly PinnedKey[];
  /** How many of the keys, at the least, must have signed InRelease. */
  readonly signatures: number;
  /** Made after the packages, paths relative to the rootfs: path to permission bits. */
  readonly directories: ReadonlyMap<string, number>;
  /** Path to UTF-8 content, mode 0644. */
  readonly files: ReadonlyMap<string, string>;
  /** Path of a symlink to its target. */
  readonly links: ReadonlyMap<string, string>;
  /** Where `[root]` stands. */
  readonly location: SourceLocation;
}

/** A file of the archive, pinned. */
export interface LockedFile {
  /** Below the archive's root: `dists/…` or `pool/…`. */
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  readonly digest: Digest;
}

export interface LockedPackage extends LockedFile {
  readonly name: string;
  readonly version: string;
}

/** Everything a root is made of; lock.toml in the recipe folder. */
export interface RootLock {
  readonly suite: string;
  /** The point release, `12.15`; '' where the suite has none. */
  readonly version: string;
  /** `Date` of InRelease: `2026-07-11T10:16:37Z`. */
  readonly date: string;
  readonly architecture: string;
  readonly inRelease: LockedFile;
  /** One Packages.xz for each component, sorted. */
  readonly indexes: readonly LockedFile[];
  /** Sorted by name, the order in which they are unpacked. */
  readonly packages: readonly LockedPackage[];
}

/** A file to fetch, with the places to get it from in order of preference. */
export interface RootSource extends Pick<Descriptor, 'digest' | 'size'> {
  /** Base name, for people and for exports. */
  readonly file: string;
  readonly mirrors: readonly string[];
}

/** Reads a file of the store in portions; throws when it is not there. A portion is valid until the next is asked for. */
export type BytesOf = (digest: Digest) => Iterable<Uint8Array>;
