// Owns: the table of commands, in the order help shows them. A command is loaded when it is asked for, so that
// `--version` does not wait for the builder.

import type { Command } from './command.ts';

type Load = () => Promise<Command>;

export const COMMANDS: Readonly<Record<string, Load>> = {
  run: async () => (await import('./run.ts')).command,
  build: async () => (await import('./build.ts')).command,
  plan: async () => (await import('./plan.ts')).command,
  fetch: async () => (await import('./fetch.ts')).command,
  mirror: async () => (await import('./mirror.ts')).command,
  trusted: async () => (await import('./trusted.ts')).command,
  parse: async () => (await import('./parse.ts')).command,
  lint: async () => (await import('./lint.ts')).command,
  shell: async () => (await import('./shell.ts')).command,
  export: async () => (await import('./export.ts')).command,
  digests: async () => (await import('./digests.ts')).command,
  reproduce: async () => (await import('./reproduce.ts')).command,
  gc: async () => (await import('./gc.ts')).command,
  lock: async () => (await import('./lock.ts')).command,
  ls: async () => (await import('./ls.ts')).command,
  inspect: async () => (await import('./inspect.ts')).command,
  tree: async () => (await import('./tree.ts')).command,
  cat: async () => (await import('./cat.ts')).command,
  diff: async () => (await import('./diff.ts')).command,
  du: async () => (await import('./du.ts')).command,
  claims: async () => (await import('./claims.ts')).command,
  sign: async () => (await import('./sign.ts')).command,
  countersign: async () => (await import('./countersign.ts')).command,
  verify: async () => (await import('./verify.ts')).command,
  keygen: async () => (await import('./keygen.ts')).command,
  doctor: async () => (await import('./doctor.ts')).command,
  version: async () => (await import('./version.ts')).command,
};
