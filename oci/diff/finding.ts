// Owns: what a comparison says: one Finding for each place where two subjects differ, from the outside in. Every string in a
// finding is fit to be shown (oci/shown-text.ts): whoever draws one has only its own syntax to escape.

/** How deep the place lies. */
export type Level = 'index' | 'manifest' | 'config' | 'layer' | 'entry' | 'field' | 'content';

export type FindingKind =
  | 'changed' // both sides have it, with other values
  | 'missing' // one side has none: its value is absent
  | 'order' // both have the same, in another order
  | 'duplicate' // a name that stands more than once in one archive
  | 'encoding' // the same meaning, said in other bytes
  | 'compression'; // the same tar, compressed in another way

/** `difference` makes two subjects unequal; `ignored` would, had nobody asked to ignore it; `note` is worth knowing. */
export type Weight = 'difference' | 'ignored' | 'note';

/** One side of a layer. */
export interface LayerSide {
  /** From 1, bottom first. */
  readonly number: number;
  /** Of the blob as stored; absent for a layer that is only a tar. */
  readonly digest?: string;
  /** Of the uncompressed tar. */
  readonly diffId?: string;
  /** The history entry's created_by: the instruction that made the layer. */
  readonly createdBy?: string;
  /** Position in the config's history, from 0. */
  readonly history?: number;
}

export interface LayerPlace {
  readonly left?: LayerSide;
  readonly right?: LayerSide;
}

export type InnerKind =
  | 'ar member'
  | 'archive entry' // of a tar or zip that is the file, or that the file holds compressed
  | 'archive field'
  | 'compressed content'
  | 'gzip header'
  | 'elf header'
  | 'elf section'
  | 'elf symbol'
  | 'text line';

/** A step further in, inside a file's content. */
export interface InnerPlace {
  readonly kind: InnerKind;
  /** `crc32.o`, `.text`, `main`, `MTIME`, `17`. */
  readonly name: string;
  /** Where it begins, as a byte of what is around it, on the left where the sides differ. */
  readonly offset?: number;
}

/** Some bytes of each side around the first difference; `at` is the offset of the first of them. */
export interface HexWindow {
  readonly at: number;
  /** Hex digits, two a byte; empty where the side has ended. */
  readonly bytes: string;
}

/** Lines around the first difference of a text. */
export interface TextHunk {
  /** Number, from 1, of the first line of `left` and `right`. */
  readonly line: number;
  /** Equal lines before. */
  readonly before: readonly string[];
  readonly left: readonly string[];
  readonly right: readonly string[];
  /** Equal lines behind; none where the sides do not meet again near by. */
  readonly after: readonly string[];
}

/** What is found inside two contents. */
export interface Detail {
  readonly kind: FindingKind;
  /** What of it: a tar field (`mtime`), a JSON path (`config.Env[0]`), `bytes`, `size`… The word `--ignore` takes. */
  readonly field?: string;
  /** What each side has; absent where it has nothing. */
  readonly left?: string;
  readonly right?: string;
  /** content: byte of the innermost place where the sides begin to differ. */
  readonly offset?: number;
  /** Outermost first. */
  readonly inner: readonly InnerPlace[];
  readonly hex?: { readonly left: HexWindow; readonly right: HexWindow };
  readonly text?: TextHunk;
  /** One sentence more. */
  readonly note?: string;
}

export interface Finding extends Detail {
  readonly level: Level;
  readonly weight: Weight;
  /** `linux/amd64`, where the subjects are images. */
  readonly platform?: string;
  readonly layer?: LayerPlace;
  /** The entry, relative to the rootfs. */
  readonly path?: string;
  /** The pattern that ignores it. */
  readonly ignoredBy?: string;
}

/** The instruction that made the layer a finding lies in, as far as a history says. */
export function instructionOf({ layer }: Finding): string | undefined {
  return layer?.left?.createdBy ?? layer?.right?.createdBy;
}

/** What a comparison may be told. */
export interface DiffOptions {
  /** Fields to ignore, `*` for any characters: a finding whose field one of them matches becomes `ignored`. */
  readonly ignore?: readonly string[];
  /** false: equal digests are believed. Default true: every blob is read and checked, equal or not. */
  readonly verify?: boolean;
  /** Aborted, the comparison throws its reason at the next turn. */
  readonly signal?: AbortSignal;
  /** Most differing files that are looked into; the others are compared by digest. Default 1000. */
  readonly maxContents?: number;
}

/** What a caller does with findings as they come. */
export type Findings = AsyncGenerator<Finding, void, void>;

/** A finding before it is weighed. */
export type Found = Omit<Finding, 'weight' | 'ignoredBy'> & { readonly weight?: 'note' };

/** Long comparisons are generators that give undefined now and then: whoever drives them gives the event loop a turn. */
export type Steps = Generator<Found | undefined, void, void>;
