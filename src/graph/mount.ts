// Owns: what the flags of RUN --mount come to: the defaults of each type (Dockerfile reference, "RUN --mount").

import { posix } from 'node:path';
import type { Mount, Span } from '../containerfile/instruction.ts';
import { BuildError } from '../errors.ts';
import type { FileOrigin, OpMount } from './op.ts';

/** Where a mount goes that names no target; the types that are not here have to name one. */
function defaultTarget(mount: Mount): string | undefined {
  if (mount.type === 'secret') return `/run/secrets/${mount.id ?? ''}`;
  return mount.type === 'ssh' ? '/run/buildkit/ssh_agent.0' : undefined;
}

function defaultId(mount: Mount, target: string): string {
  if (mount.type === 'secret') return posix.basename(target);
  return mount.type === 'ssh' ? 'default' : target;
}

/** `workingDir` is absolute; relative targets start there. `origin` for the types that show files. */
export function lowerMount(mount: Mount, workingDir: string, origin: FileOrigin | undefined, at: Span): OpMount {
  const written = mount.target ?? defaultTarget(mount);
  if (written === undefined) {
    throw new BuildError('PARSE', `--mount=type=${mount.type} has no target`, { location: at, want: 'target=/path' });
  }
  const target = posix.resolve('/', workingDir, written);
  return {
    type: mount.type,
    target,
    source: mount.source ?? (mount.type === 'bind' || mount.type === 'cache' ? '/' : ''),
    origin,
    readonly: mount.readonly ?? mount.type === 'bind',
    id: mount.id ?? defaultId(mount, target),
    sharing: mount.sharing ?? 'shared',
    required: mount.required ?? false,
    mode: mount.mode,
    uid: mount.uid ?? 0,
    gid: mount.gid ?? 0,
    size: mount.size,
    env: mount.env,
  };
}
