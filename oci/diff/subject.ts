// Owns: what a comparison is given: the forms in which an image, a layer or a rootfs can lie on disk, and opening each.
//
//   subject = "oci:" DIR [select] | "oci-archive:" FILE [select] | "docker-archive:" FILE [":" REFERENCE]
//           | "tar:" FILE | "dir:" DIR | FILE (a layer) | DIR (a layout where it has an oci-layout, else a rootfs)
//   select  = ":" TAG | "@" DIGEST

import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Descriptor } from '../descriptor.ts';
import { type Digest, isDigest } from '../digest.ts';
import { parseDocument } from '../document.ts';
import { OciError } from '../errors.ts';
import { isIndex, REF_NAME } from '../layout/image.ts';
import { openLayout } from '../layout/layout.ts';
import { MEDIA_TYPE } from '../media-type.ts';
import { shownText } from '../shown-text.ts';
import { type BlobSource, fileChunks, named, openArchive, openOciArchive, plainChunks } from './blob-source.ts';
import { type Child, readDockerArchive, readNode } from './image.ts';

export interface ImagesSubject {
  readonly kind: 'images';
  /** As the user named it, fit to be shown. */
  readonly name: string;
  readonly form: 'oci' | 'docker';
  /** What was selected, or everything it holds. */
  readonly children: readonly Child[];
  /** Absent in Docker's archive. */
  readonly source?: BlobSource;
}

/** One layer. */
export interface TarSubject {
  readonly kind: 'tar';
  readonly name: string;
  open(): Iterable<Uint8Array>;
  openStored(): Iterable<Uint8Array>;
}

/** A rootfs as a directory. */
export interface DirectorySubject {
  readonly kind: 'directory';
  readonly name: string;
  /** Absolute. */
  readonly directory: string;
}

export type Subject = ImagesSubject | TarSubject | DirectorySubject;

/**
 * Opens a subject; every document of an image is read and checked, no layer. Throws OciError: LAYOUT_INVALID for what is not
 * there or not of the form, and whatever the blobs' readers throw.
 */
export function openSubject(text: string, cwd: string): Subject {
  const form = /^(oci|oci-archive|docker-archive|tar|dir):(.+)$/s.exec(text);
  if (form === null) return openPath(text, resolve(cwd, text));
  const [, kind, rest] = form;
  if (kind === 'tar') return tarSubject(text, resolve(cwd, rest!));
  if (kind === 'dir') return directorySubject(text, resolve(cwd, rest!));
  const { path, selector } = splitSelector(rest!, cwd);
  if (kind === 'oci') return layoutSubject(text, path, selector);
  const files = openArchive(path, shownText(text));
  if (kind === 'docker-archive') {
    const images = readDockerArchive(files);
    const children = images
      .filter(({ names }) => selector === undefined || names.includes(selector))
      .map((node) => ({ node }));
    if (children.length === 0) {
      const got = images.flatMap(({ names }) => names).map(shownText);
      throw notThere(text, selector, got);
    }
    return { kind: 'images', name: shownText(text), form: 'docker', children };
  }
  const { source, index } = openOciArchive(files);
  return fromSource(text, source, index.manifests, selector);
}

/** A layout, selected or whole. */
export function layoutSubject(text: string, directory: string, selector?: string): ImagesSubject {
  const layout = openLayout(directory);
  const { readBytes, readChunks } = layout;
  return fromSource(text, { name: shownText(text), readBytes, readChunks }, layout.readIndex(), selector);
}

function fromSource(
  text: string,
  source: BlobSource,
  listed: readonly Descriptor[],
  selector: string | undefined,
): ImagesSubject {
  const roots = select(text, source, listed, selector);
  const children = roots.map((descriptor) => withoutName(readNode(source, descriptor)));
  return { kind: 'images', name: shownText(text), form: 'oci', children, source };
}

/** A tag says where an image is listed, and nothing of the image. */
function withoutName(child: Child): Child {
  const { annotations, ...descriptor } = child.descriptor!;
  const { [REF_NAME]: _, ...others } = annotations ?? {};
  const kept = Object.keys(others).length === 0 ? {} : { annotations: others };
  return { ...child, descriptor: { ...descriptor, ...kept } };
}

function select(
  text: string,
  source: BlobSource,
  listed: readonly Descriptor[],
  selector: string | undefined,
): readonly Descriptor[] {
  if (selector === undefined) {
    if (listed.length === 0) throw new OciError('LAYOUT_INVALID', `${shownText(text)} holds no image`);
    return listed;
  }
  if (isDigest(selector)) {
    const found = listed.find(({ digest }) => digest === selector);
    return [found ?? unlisted(source, selector)];
  }
  const tagged = listed.filter(({ annotations }) => {
    const name = annotations?.[REF_NAME];
    return name !== undefined && (name === selector || name.endsWith(`:${selector}`));
  });
  if (tagged.length > 0) return tagged;
  const names = listed.flatMap(({ annotations }) => annotations?.[REF_NAME] ?? []).map(shownText);
  throw notThere(text, selector, names);
}

/** A blob that index.json does not name is known by its members. */
function unlisted(source: BlobSource, digest: Digest): Descriptor {
  const bytes = source.readBytes(digest);
  const document = parseDocument(bytes, `blob ${digest}`);
  const own = document['mediaType'];
  const guessed = document['manifests'] === undefined ? MEDIA_TYPE.manifest : MEDIA_TYPE.index;
  const descriptor = { mediaType: typeof own === 'string' ? own : guessed, digest, size: bytes.length };
  return isIndex(descriptor) || document['layers'] !== undefined ? descriptor : { ...descriptor, mediaType: guessed };
}

function notThere(text: string, selector: string | undefined, got: readonly string[]): OciError {
  return new OciError('LAYOUT_INVALID', `${shownText(text)}: no image of that name`, {
    want: shownText(selector ?? 'an image'),
    got: got.join(', ') || 'no names at all',
  });
}

/** A path may hold colons itself: what exists as written is a path and nothing else. */
export function splitSelector(rest: string, cwd: string): { path: string; selector?: string } {
  const whole = resolve(cwd, rest);
  if (existsSync(whole)) return { path: whole };
  const digest = /^(.+)@(sha256:[0-9a-f]{64})$/s.exec(rest);
  if (digest !== null) return { path: resolve(cwd, digest[1]!), selector: digest[2]! };
  // The first colon whose left side is there: a reference may hold colons too.
  for (let at = rest.indexOf(':'); at >= 0; at = rest.indexOf(':', at + 1)) {
    const path = resolve(cwd, rest.slice(0, at));
    if (at > 0 && at < rest.length - 1 && existsSync(path)) return { path, selector: rest.slice(at + 1) };
  }
  return { path: whole };
}

function openPath(text: string, path: string): Subject {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory() === true) {
    return existsSync(join(path, 'oci-layout')) ? layoutSubject(text, path) : directorySubject(text, path);
  }
  return tarSubject(text, path);
}

function tarSubject(text: string, path: string): TarSubject {
  const name = shownText(text);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile()) {
    throw new OciError('LAYOUT_INVALID', `${name} is no ${found === undefined ? 'such file' : 'file'}`, {
      want: 'oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, a layer tar, or a directory',
    });
  }
  return {
    kind: 'tar',
    name,
    openStored: () => named(name, fileChunks(path)),
    open: () => named(name, plainChunks(fileChunks(path))),
  };
}

function directorySubject(text: string, directory: string): DirectorySubject {
  const found = statSync(directory, { throwIfNoEntry: false });
  if (found?.isDirectory() !== true) throw new OciError('LAYOUT_INVALID', `${shownText(text)} is no directory`);
  return { kind: 'directory', name: shownText(text), directory };
}
