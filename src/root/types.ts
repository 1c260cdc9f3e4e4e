// Owns: the nouns of distribution roots: what a recipe asks for, and what a lock file pins.

import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { SourceLocation } from '../errors.ts';

/** A key of the archive, kept as text in the recipe folder. */
export interface PinnedKey {
  /** Relative to the recipe folder. */
  readonly file: string;
  /**
   * Debian: of the OpenPGP primary key, 40 upper-case hex digits. Alpine: sha256 of the RSA key's SubjectPublicKeyInfo,
   * 64 lower-case ones.
   */
  readonly fingerprint: string;
}

/** What every kind of root asks for. */
interface CommonSpec {
  /** The packages asked for, sorted; what they depend on comes by itself. */
  readonly packages: readonly string[];
  readonly keys: readonly PinnedKey[];
  /** How many of the keys, at the least, must have signed. */
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

/** `[root]` of a package.toml whose kind is `debian-root`. */
export interface DebianSpec extends CommonSpec {
  readonly kind: 'debian-root';
  /** Codename, as it stands under `dists/` and in the Release file. */
  readonly suite: string;
  /** Sorted. */
  readonly components: readonly string[];
  /** Debian's word for it: `amd64`. */
  readonly architecture: string;
}

/** `[root]` of a package.toml whose kind is `alpine-root`. */
export interface AlpineSpec extends CommonSpec {
  readonly kind: 'alpine-root';
  /** `v3.22`, or `edge`. */
  readonly branch: string;
  /** Sorted: `community`, `main`. */
  readonly repositories: readonly string[];
  /** Alpine's word for it: `x86_64`. */
  readonly architecture: string;
}

export type RootSpec = DebianSpec | AlpineSpec;

/** A file of the archive, pinned. */
export interface LockedFile {
  /** Below the archive's root: `dists/…`, `pool/…`, `v3.22/…`. */
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  readonly digest: Digest;
}

export interface LockedPackage extends LockedFile {
  readonly name: string;
  readonly version: string;
}

/** Everything a Debian root is made of; lock.toml in the recipe folder. */
export interface DebianLock {
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

/** Everything an Alpine root is made of. */
export interface AlpineLock {
  readonly branch: string;
  readonly architecture: string;
  /** When the newest package of the indexes was built, `2026-07-11T10:16:37Z`: the indexes themselves have no date. */
  readonly date: string;
  /** One APKINDEX.tar.gz for each repository, sorted. */
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

/** A lock, with what can be done with it. */
export interface Root {
  /** The bytes of lock.toml. */
  readonly text: string;
  /** `bookworm 12.15 of 2026-07-11T10:16:37Z`: which state of the archive this is. */
  readonly title: string;
  /** The point release or branch: `12.15`, `v3.22`; '' where there is none. */
  readonly version: string;
  /** As the distribution calls it. */
  readonly architecture: string;
  /** Sorted by name. */
  readonly packages: readonly LockedPackage[];
  /** Every file it is made of, lists included. */
  readonly sources: readonly RootSource[];
  /** What decides it, as one digest: a cache key. */
  readonly key: Digest;
  /**
   * Judges everything from the pinned keys down to each package's bytes. `keys` are the key files' texts, in the order of
   * the spec; `bytesOf` reads the store. Throws BuildError SIGNATURE, CHECK_FAILED or SOURCE_MISMATCH.
   */
  verify(keys: readonly string[], bytesOf: BytesOf): Promise<void>;
  /** Archives whose unpacking, in order, into an empty directory gives the rootfs. Throws BuildError CHECK_FAILED. */
  unpack(bytesOf: BytesOf): Iterable<RootArchive>;
}

export interface RootArchive {
  /** `libc6 2.36-9`, for progress and errors. */
  readonly name: string;
  /** A plain tar, to be read once and to its end before the next archive is asked for. */
  readonly tar: Iterable<Uint8Array>;
}

export interface LockIo {
  /** Downloads a file nobody has pinned yet, of at most `limit` bytes, keeps it in the store by its digest, and gives its bytes. */
  fetchUnpinned(file: string, mirrors: readonly string[], limit: number): Promise<Uint8Array>;
  /** Puts pinned files into the store, verified. */
  fetchPinned(sources: readonly RootSource[]): Promise<void>;
  readonly bytesOf: BytesOf;
  /** Milliseconds since 1970. */
  now(): number;
}

export interface RootKind {
  /** Reads lock.toml; `shown` names it in errors. Throws BuildError RECIPE for a text no lock of this kind can be. */
  read(text: string, shown: string): Root;
  /**
   * A lock for what the archive publishes now, verified from the pinned keys down. `old` is the lock there is, if any: an
   * archive that has gone back in time since is refused. Writes nothing but the store.
   */
  lock(keys: readonly string[], old: Root | undefined, io: LockIo): Promise<Root>;
}
