// Owns: the system calls a step may not make, and why. A short list on purpose: docker's large profile costs 8 to 14 ms
// a step, more than the runtime itself, and most of what it denies the capabilities deny already (mount, swapon, reboot …).
// Knows nothing of the rest of the document it becomes part of.

import type { SeccompArgument } from './spec.ts';

export interface DeniedSyscalls {
  readonly names: readonly string[];
  readonly errno: number;
  readonly args?: readonly SeccompArgument[];
}

const EPERM = 1;
const ENOSYS = 38;
const ENOTSUP = 95;
const CLONE_NEWUSER = 0x1000_0000;

export const DENIED_SYSCALLS: readonly DeniedSyscalls[] = [
  // The kernel's key rings belong to the user, not to a namespace: a step could read the caller's keys.
  { names: ['add_key', 'keyctl', 'request_key'], errno: EPERM },
  // Large kernel surfaces that no compiler needs, and through which most escapes of recent years went. io_uring answers
  // as an old kernel does, so that event loops fall back by themselves.
  { names: ['bpf', 'perf_event_open', 'userfaultfd'], errno: EPERM },
  { names: ['io_uring_enter', 'io_uring_register', 'io_uring_setup'], errno: ENOSYS },
  // The kernel's log tells of this machine and of everybody on it.
  { names: ['syslog'], errno: EPERM },
  // No layer carries extended attributes, so a step must not come to rely on one. The answer is that of a file system
  // which has none: tar, cp and install then go on without, setcap says that it failed.
  { names: ['setxattr', 'lsetxattr', 'fsetxattr'], errno: ENOTSUP },
  // A user namespace inside a step would give it every capability again, and would work on some machines and not on
  // others. clone3 takes its flags by pointer, which a filter cannot read: every C library falls back to clone.
  { names: ['unshare'], errno: EPERM, args: [flag(0, CLONE_NEWUSER)] },
  { names: ['clone'], errno: EPERM, args: [flag(0, CLONE_NEWUSER)] },
  { names: ['clone3'], errno: ENOSYS },
];

function flag(index: number, value: number): SeccompArgument {
  return { index, value, valueTwo: value, op: 'SCMP_CMP_MASKED_EQ' };
}
