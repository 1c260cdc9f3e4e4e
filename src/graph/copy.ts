// Owns: what a COPY or an ADD comes to, but for where its files are: sources, remote files, destination.

import { posix } from 'node:path';
import { type Digest, isDigest } from '../../oci/digest.ts';
import type { CopyInstruction } from '../containerfile/instruction.ts';
import { BuildError } from '../errors.ts';
import type { CopyOp } from './op.ts';

const REMOTE = /^https?:\/\//i;
const GIT_REMOTE = /^(git@|git:\/\/|ssh:\/\/)|^https?:\/\/[^ ]*\.git(#.*)?$/i;

/** `workingDir` is absolute. Throws BuildError for a git source, a remote without its digest, several files into one. */
export function lowerCopy(
  instruction: CopyInstruction,
  workingDir: string,
): Omit<CopyOp, 'kind' | 'id' | 'label' | 'layered' | 'base' | 'origin' | 'xattrs'> {
  const isAdd = instruction.keyword === 'ADD';
  const remotes = isAdd ? instruction.sources.filter((source) => REMOTE.test(source)) : [];
  const dest = destination(workingDir, instruction.dest);
  if (instruction.sources.length + instruction.heredocs.length > 1 && !dest.endsWith('/')) {
    throw new BuildError('PARSE', `${instruction.keyword} of several sources needs a directory`, {
      location: instruction.at,
      want: `${instruction.dest}/`,
      got: instruction.dest,
    });
  }
  return {
    sources: instruction.sources.filter((source) => !remotes.includes(source)),
    remotes: isAdd ? checkRemotes(instruction, remotes) : [],
    heredocs: instruction.heredocs.map(({ name, content }) => ({ name, content })),
    dest,
    chown: instruction.chown,
    chmod: instruction.chmod,
    exclude: instruction.exclude,
    parents: instruction.parents,
    link: instruction.link,
    unpack: isAdd && instruction.unpack !== false,
    unpackRemote: isAdd && instruction.unpack === true,
    add: isAdd,
  };
}

function checkRemotes(
  instruction: CopyInstruction,
  remotes: readonly string[],
): readonly { readonly url: string; readonly digest: Digest }[] {
  const { checksum, at } = instruction;
  const repository = instruction.sources.find((source) => GIT_REMOTE.test(source));
  if (repository !== undefined) {
    throw new BuildError('ADD', `a git repository cannot be added: ${repository}`, {
      location: at,
      hint: 'pin a source archive in package.toml, or ADD --checksum= its archive',
    });
  }
  return remotes.map((url) => {
    if (isDigest(checksum)) return { url, digest: checksum };
    throw new BuildError('ADD', `a remote file needs its digest: ${url}`, {
      location: at,
      want: '--checksum=sha256:…',
      got: checksum ?? 'none',
    });
  });
}

/** Absolute, with a trailing slash where the text means a directory: `.`, `./`, `x/`, and `x/.`. */
function destination(workingDir: string, written: string): string {
  const absolute = posix.resolve('/', workingDir, written);
  const isDirectory = written.endsWith('/') || written === '.' || written === '..' || /\/\.\.?$/.test(written);
  return isDirectory && absolute !== '/' ? `${absolute}/` : absolute;
}
