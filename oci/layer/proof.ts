// Owns: the proof that a layer's tar says what its entries say, made while it is written: the archive is read by the
// reader that anybody's archives go through, and each member is compared with the entry it was made of. Memory holds only
// the entries whose bytes have not come by yet. Knows no compressor and no blob.

import { OciError } from '../errors.ts';
import { displayPath, type RawPath } from '../raw-path.ts';
import type { StampPolicy, TreeEntry } from './entry.ts';
import type { HeaderFields } from './header.ts';
import type { ArchiveEntry } from './reader.ts';
import { scanTar } from './reader.ts';
import { stamp } from './stamp.ts';
import { TarInput } from './tar-input.ts';

export class LayerProof {
  readonly #policy: StampPolicy;
  readonly #input = new TarInput(Number.POSITIVE_INFINITY);
  readonly #steps: ReturnType<typeof scanTar>;
  /** Entries handed to the writer and not found in the archive yet, oldest first, from `#next` on. */
  #expected: TreeEntry[] = [];
  #next = 0;

  constructor(policy: StampPolicy) {
    this.#policy = policy;
    this.#steps = scanTar(this.#input, {});
  }

  /** The entries on their way to the writer, remembered as it takes them. */
  *watch(entries: Iterable<TreeEntry>): Generator<TreeEntry, void, void> {
    for (const entry of entries) {
      this.#expected.push(entry);
      yield entry;
    }
  }

  /** The archive's next bytes; they may be overwritten afterwards. Throws OciError DIGEST_MISMATCH and TAR_INVALID. */
  take(chunk: Uint8Array): void {
    this.#input.push(chunk);
    this.#read();
  }

  /** Throws OciError DIGEST_MISMATCH when an entry is missing, TAR_INVALID when the archive has no end. */
  end(): void {
    this.#input.ended = true;
    this.#read();
    const missing = this.#expected[this.#next];
    if (missing !== undefined) throw differs(missing.path, 'missing from the layer', missing.type, 'the end');
  }

  #read(): void {
    for (let step = this.#steps.next(); step.done !== true; step = this.#steps.next()) {
      if (step.value === undefined) return;
      this.#compare(step.value.member.entry);
    }
  }

  #compare(got: ArchiveEntry): void {
    const entry = this.#expected[this.#next];
    if (entry === undefined) throw differs(got.path, 'an entry too many', 'nothing', got.type);
    this.#next++;
    if (this.#next === this.#expected.length) {
      this.#expected = [];
      this.#next = 0;
    } else if (this.#next === COMPACT) {
      this.#expected = this.#expected.slice(COMPACT);
      this.#next = 0;
    }
    compareMember(entry, stamp(entry, this.#policy), got);
  }
}

const COMPACT = 8192;

/** Every field of a member: as the entry is stamped, as the reader found it. */
function compareMember(entry: TreeEntry, want: HeaderFields, got: ArchiveEntry): void {
  const { path } = entry;
  requireSame(path, 'type', entry.type, got.type);
  requireSame(path, 'name', path, got.path);
  requireSame(path, 'mode', want.mode, got.mode);
  requireSame(path, 'size', want.size, got.size);
  requireSame(path, 'uid', want.uid, got.owner.uid);
  requireSame(path, 'gid', want.gid, got.owner.gid);
  requireSame(path, 'mtime', want.mtime, got.mtime);
  requireSame(path, 'target', want.linkName, got.target ?? '');
  requireSame(path, 'device major', want.major, got.device?.major ?? 0);
  requireSame(path, 'device minor', want.minor, got.device?.minor ?? 0);
  requireSame(path, 'xattrs', textOf(want.xattrs), textOf(got.xattrs));
}

function requireSame<T extends string | number>(path: RawPath, field: string, want: T, got: T): void {
  if (want !== got) throw differs(path, field, String(want), String(got));
}

function textOf(xattrs: ReadonlyMap<string, string | Uint8Array> | undefined): string {
  if (xattrs === undefined || xattrs.size === 0) return '';
  const hex = (value: string | Uint8Array): string =>
    (typeof value === 'string' ? Buffer.from(value, 'latin1') : Buffer.from(value)).toString('hex');
  return Array.from(xattrs, ([name, value]) => `${name}=${hex(value)}`)
    .sort()
    .join(' ');
}

function differs(path: RawPath, field: string, want: string, got: string): OciError {
  return new OciError('DIGEST_MISMATCH', `layer read back: ${displayPath(path)}: ${field}`, { want, got });
}
