// Owns: `--secret` of the command line: docker's forms, to files on this machine.

import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { BuildError } from '../errors.ts';
import type { Secret } from '../solver/services.ts';

const FORM = 'id=ID,src=FILE or id=ID,env=NAME';

export interface SecretSurroundings {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Secrets by id: `[type=file,]id=ID,src=FILE` (`source`), `[type=env,]id=ID,env=NAME`; with `type=env`, `src` names the
 * variable, and `id=ID` alone means the variable of that name, else the file. Throws BuildError USAGE.
 */
export function secretsOf(texts: readonly string[], around: SecretSurroundings): ReadonlyMap<string, Secret> {
  const secrets = new Map<string, Secret>();
  for (const text of texts) {
    const { id, variable, file } = parseSecret(text, around.env);
    const path = variable === undefined ? fileOf(id, file!, around.cwd) : keepVariable(id, variable, around.env);
    secrets.set(id, { id, path });
  }
  return secrets;
}

interface ParsedSecret {
  readonly id: string;
  /** One of the two is there. */
  readonly variable?: string;
  readonly file?: string;
}

function parseSecret(text: string, env: NodeJS.ProcessEnv): ParsedSecret {
  const fail = (): never => {
    throw new BuildError('USAGE', 'not a secret', { want: FORM, got: text });
  };
  const fields = new Map<string, string>();
  for (const field of text.split(',')) {
    // A file's name may hold more of them.
    const equals = field.indexOf('=');
    const key = field.slice(0, Math.max(equals, 0));
    if (!['id', 'src', 'source', 'env', 'type'].includes(key)) return fail();
    fields.set(key, field.slice(equals + 1));
  }
  const id = fields.get('id') ?? '';
  const type = fields.get('type');
  const source = fields.get('src') ?? fields.get('source');
  const variable = fields.get('env') ?? (type === 'env' ? source : undefined);
  if (id === '' || variable === '' || source === '' || ![undefined, 'file', 'env'].includes(type)) return fail();
  if (fields.has('env') && (source !== undefined || type === 'file')) return fail();
  if (variable !== undefined) return { id, variable };
  if (source !== undefined) return { id, file: source };
  return type !== 'file' && (type === 'env' || env[id] !== undefined) ? { id, variable: id } : { id, file: id };
}

function fileOf(id: string, file: string, cwd: string): string {
  const path = resolve(cwd, file);
  if (!existsSync(path)) throw new BuildError('USAGE', `secret ${id}: no such file`, { got: file });
  if (statSync(path).isDirectory()) throw new BuildError('USAGE', `secret ${id}: a folder is no secret`, { got: file });
  return path;
}

/** The value in a file that only the caller may read, in memory where the machine offers that, gone with this process. */
function keepVariable(id: string, variable: string, env: NodeJS.ProcessEnv): string {
  const value = env[variable];
  if (value === undefined) {
    throw new BuildError('USAGE', `secret ${id}: the variable ${variable} is not set`, { hint: 'export it first' });
  }
  const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'ocibuild-secret-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(join(directory, 'value'), value, { mode: 0o600, flag: 'wx' });
  return join(directory, 'value');
}
