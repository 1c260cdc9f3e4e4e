// Owns: a checkout small enough to compile in a test: the launcher, main and the command line as they are, with commands
// made for the test. It shares this tree's node_modules.

import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

const COMMANDS = `
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { OciError } from '../../oci/errors.ts';
import { BuildError } from '../errors.ts';
import type { Command, CommandContext } from './command.ts';

const make = (name: string, run: (context: CommandContext) => unknown, more: Partial<Command> = {}) => async (): Promise<Command> => ({
  name,
  summary: \`\${name} for a test\`,
  usage: '[WORD…]',
  flags: { level: { value: 'N', count: true, summary: 'how much' } },
  needsNamespace: false,
  run: async (context: CommandContext) => Number((await run(context)) ?? 0),
  ...more,
});

export const COMMANDS = {
  context: make('context', ({ args, storeDirectory, treeDirectory, jobs, offline, cwd, stdout }) => {
    const level = args.count('level');
    stdout.write(JSON.stringify({ operands: args.operands, level, storeDirectory, treeDirectory, jobs, offline, cwd }));
  }),
  seven: make('seven', () => 7),
  build: make('build', () => {
    throw new BuildError('STEP_FAILED', 'make', { want: 'status 0', got: '2', location: { file: 'a/Containerfile', line: 3 } });
  }),
  bytes: make('bytes', () => {
    throw new OciError('TAR_INVALID', 'not a tar');
  }),
  machine: make('machine', () => {
    throw new BuildError('MACHINE', 'no user namespaces');
  }),
  disk: make('disk', () => {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  }),
  denied: make('denied', () => {
    throw Object.assign(new Error("EACCES: permission denied, mkdir '/x'"), { code: 'EACCES' });
  }),
  fault: make('fault', () => (undefined as unknown as { x: number }).x),
  later: make('later', async () => {
    queueMicrotask(() => {
      throw new TypeError('nobody waits for this');
    });
    await setTimeout(10_000);
  }),
  forgetful: make('forgetful', () => void globalThis.setInterval(() => {}, 1000)),
  loud: make('loud', ({ stdout }) => {
    for (let line = 0; line < 20_000; line++) stdout.write(\`\${line} \${'x'.repeat(100)}\\n\`);
  }),
  patient: make('patient', async ({ signal, stdout }) => {
    stdout.write('ready\\n');
    await setTimeout(20_000, undefined, { signal });
  }),
  deaf: make('deaf', async ({ stdout }) => {
    stdout.write('ready\\n');
    await setTimeout(20_000);
  }),
  none: make('none', () => 0, { operands: { min: 0, max: 0 } }),
  one: make('one', () => 0, { operands: { min: 1, max: 1 }, usage: 'FILE\\nReads one file.' }),
  inside: make('inside', ({ stdout }) => void stdout.write(readFileSync('/proc/self/cmdline')), { needsNamespace: true }),
};
`;

/** Stands for the real ones: "inside" is a variable, and entering is starting the program again with it. */
const SANDBOX = {
  'userns.ts': `
import { spawnSync } from 'node:child_process';
export const insideNamespace = (): boolean => process.env['TEST_INSIDE'] === '1';
export async function enterNamespace({ argv, env }: { argv: readonly string[]; env: NodeJS.ProcessEnv }): Promise<number> {
  const child = { env: { ...env, TEST_INSIDE: '1' }, stdio: 'inherit' } as const;
  return spawnSync(process.execPath, [process.argv[1]!, ...argv], child).status ?? 99;
}
`,
  'provision.ts': `
export async function ensureTools(): Promise<void> {
  process.stderr.write('tools are there\\n');
}
`,
};

export interface Checkout {
  readonly directory: string;
  /** Starts the launcher through a shell of one's choice. */
  start(words: readonly string[], options?: RunOptions): ChildProcess;
  run(words: readonly string[], options?: RunOptions): Promise<Ended>;
  remove(): void;
}

export interface RunOptions {
  /** The argv that runs the launcher. */
  readonly launcher?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly uid?: number;
}

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Not compiled yet. */
export function makeCheckout(): Checkout {
  const directory = mkdtempSync(join(tmpdir(), 'checkout-'));
  const copied = [
    ...['ocibuild', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/compile.sh'],
    ...[
      'src/main.ts',
      'src/errors.ts',
      'src/cli',
      'src/progress',
      'src/recipe/near-miss.ts',
      'oci/errors.ts',
      'oci/shown-text.ts',
    ],
  ];
  for (const path of copied) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    cpSync(join(ROOT, path), join(directory, path), { recursive: true });
  }
  writeFileSync(join(directory, 'src/cli/commands.ts'), COMMANDS);
  mkdirSync(join(directory, 'src/sandbox'));
  for (const [name, text] of Object.entries(SANDBOX)) writeFileSync(join(directory, 'src/sandbox', name), text);
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  const start: Checkout['start'] = (words, options = {}) => {
    const [program, ...before] = options.launcher ?? [join(directory, 'ocibuild')];
    const ids = options.uid === undefined ? {} : { uid: options.uid, gid: options.uid };
    const env = { ...process.env, NO_COLOR: '', ...options.env };
    return spawn(program!, [...before, ...words], {
      cwd: options.cwd ?? directory,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...ids,
    });
  };
  return {
    directory,
    start,
    run: (words, options) => ending(start(words, options)),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Waits for a program to end, its output read. */
export function ending(child: ChildProcess): Promise<Ended> {
  const parts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (text: string) => {
      parts[name] += text;
    });
  }
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', (status) => done({ status, ...parts }));
  });
}
