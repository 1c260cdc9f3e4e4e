// Owns: cache keys. A key is the digest of what an op does and of the content it reads; where the op stands, what its
// stage is called and when it ran are not part of it.

import { type Digest, digestOf } from '../../oci/digest.ts';
import { canonicalJson, type Json } from '../../oci/json.ts';
import type { CopyOp, OpMount, RunOp, WorkdirOp } from './op.ts';

/** Raised whenever the same op could give another result than before. */
export const ACTION_VERSION = 1;

function keyOf(kind: string, parts: Json): Digest {
  return digestOf(canonicalJson({ version: ACTION_VERSION, kind, parts }));
}

/** `story` names the sandbox's fixed facts; `mounts` the content of each bind mount, undefined for the other types. */
export function runKey(op: RunOp, base: Digest, mounts: readonly (Digest | undefined)[], story: string): Digest {
  return keyOf('run', {
    base,
    story,
    args: op.args,
    script: op.script,
    env: op.env.filter((line) => !op.unkeyedEnv.includes(line.slice(0, line.indexOf('=')))),
    cwd: op.cwd,
    user: op.user,
    network: op.network,
    mounts: op.mounts.map((mount, index) => mountKey(mount, mounts[index])),
  });
}

/** The content of secrets, caches and agents is never part of a key; that a step uses them is. */
function mountKey(mount: OpMount, content: Digest | undefined): Json {
  const { type, target, source, readonly, id, mode, uid, gid, size, env } = mount;
  return { type, target, source, readonly, id, mode, uid, gid, size, env, content };
}

/** `selection` is the digest of the files the COPY selects, owners included unless --chown replaces them. */
export function copyKey(op: CopyOp, base: Digest, selection: Digest, time: number | 'keep'): Digest {
  return keyOf(op.add ? 'add' : 'copy', {
    base,
    selection,
    time,
    remotes: op.remotes.map(({ url, digest }) => ({ url, digest })),
    heredocs: op.heredocs.map(({ name, content }) => ({ name, content })),
    dest: op.dest,
    chown: op.chown,
    chmod: op.chmod,
    parents: op.parents,
    link: op.link,
    unpack: op.unpack,
    unpackRemote: op.unpackRemote,
    xattrs: op.add ? op.xattrs : undefined,
    layered: op.layered,
  });
}

/** What times a result keeps decides whether it can stand for another: `epoch` is that of the layer it becomes, not 0. */
export function clampedKey(key: Digest, epoch: number): Digest {
  return keyOf('clamped', { key, epoch });
}

export function workdirKey(op: WorkdirOp, base: Digest): Digest {
  return keyOf('workdir', { base, path: op.path, user: op.user });
}

/** A distribution root is what its lock file says. */
export function rootKey(lock: Digest): Digest {
  return keyOf('root', { lock });
}

/** Whether the diffs of one snapshot may lie on another's. */
export function joinKey(base: Digest, top: Digest): Digest {
  return keyOf('join', { base, top });
}

/** The files that sources select in a snapshot. */
export function selectionKey(parts: Json): Digest {
  return keyOf('selection', parts);
}

/** An image: layers in order, how they are stamped, the config, and the formats that decide the bytes. */
export function imageKey(parts: Json): Digest {
  return keyOf('image', parts);
}

/** One layer: a diff, how it is stamped, and the formats that decide the bytes. */
export function layerKey(parts: Json): Digest {
  return keyOf('layer', parts);
}
