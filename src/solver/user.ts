// Owns: names of users and groups, looked up in the rootfs a step will see, never on the host.

import { rawPath } from '../../oci/raw-path.ts';
import { BuildError, type SourceLocation } from '../errors.ts';
import type { StepUser } from '../sandbox/types.ts';
import type { View } from '../snapshot/types.ts';

const LARGEST_ID = 0xffff_fffe;

/** Lines of /etc/passwd or /etc/group of the view, split at colons; empty when there is no such file. */
function readTable(view: View, path: string): string[][] {
  const resolved = view.resolve(rawPath(path.slice(1)), true);
  if (view.lstat(resolved)?.type !== 'file') return [];
  const lines = view.readFile(resolved).toString('latin1').split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(':'));
}

function parseId(text: string, what: string, location: SourceLocation): number {
  const id = Number(text);
  if (id > LARGEST_ID) {
    throw new BuildError('COPY', `not a ${what}`, { location, want: `a number up to ${LARGEST_ID}`, got: text });
  }
  return id;
}

function groupIdOf(view: View, group: string, location: SourceLocation): number {
  if (/^\d+$/.test(group)) return parseId(group, 'group id', location);
  const found = readTable(view, '/etc/group').find(([name]) => name === group);
  if (found === undefined) {
    throw new BuildError('COPY', `no group ${group} in the rootfs's /etc/group`, {
      location,
      hint: 'add the group in an earlier step, or give its number',
    });
  }
  return Number(found[2]);
}

/**
 * `name`, `uid`, `name:group`, `uid:gid` as USER has them; '' is root. Additional groups are those /etc/group lists the
 * user in, unless the text names a group. A numeric user without a passwd entry has group 0.
 */
export function resolveUser(view: View, text: string, location: SourceLocation): StepUser {
  if (text === '') return { uid: 0, gid: 0, additionalGids: [] };
  const colon = text.indexOf(':');
  const user = colon < 0 ? text : text.slice(0, colon);
  const group = colon < 0 ? '' : text.slice(colon + 1);
  const isNumber = /^\d+$/.test(user);
  const entry = readTable(view, '/etc/passwd').find((line) => (isNumber ? line[2] === user : line[0] === user));
  if (entry === undefined && !isNumber && user !== 'root') {
    throw new BuildError('COPY', `no user ${user} in the rootfs's /etc/passwd`, {
      location,
      hint: 'add the user in an earlier step, or give its number',
    });
  }
  const uid = isNumber ? parseId(user, 'user id', location) : Number(entry?.[2] ?? 0);
  if (group !== '') return { uid, gid: groupIdOf(view, group, location), additionalGids: [] };
  const gid = Number(entry?.[3] ?? 0);
  const additionalGids =
    entry === undefined
      ? []
      : readTable(view, '/etc/group')
          .filter((line) => (line[3] ?? '').split(',').includes(entry[0]!))
          .map((line) => Number(line[2]))
          .filter((id) => id !== gid);
  return { uid, gid, additionalGids: [...new Set(additionalGids)].sort((a, b) => a - b) };
}

/**
 * The ids a step starts with. The primary group is one of the additional ones too, as in BuildKit and containerd. With
 * one id alone the kernel lets nobody set groups, and what the caller has shows as just that: group 0.
 */
export function stepUser(user: StepUser, hasIdRange: boolean): StepUser {
  return { ...user, additionalGids: hasIdRange ? [...new Set([user.gid, ...user.additionalGids])] : [] };
}

/** `--chown=user[:group]`. Without a group, a name brings its own group and a number is its own group, as in BuildKit. */
export function resolveOwner(view: View, text: string, location: SourceLocation): { uid: number; gid: number } {
  if (/^\d+$/.test(text)) {
    const id = parseId(text, 'user id', location);
    return { uid: id, gid: id };
  }
  const { uid, gid } = resolveUser(view, text.startsWith(':') ? `0${text}` : text, location);
  return { uid, gid };
}
