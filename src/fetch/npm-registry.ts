// Owns: which npm registry this machine uses. Asks npm itself, because only npm knows all the files its settings lie in.

import { execFileSync } from 'node:child_process';
import type { Environment } from './proxy.ts';

let asked: { readonly answer: string | undefined } | undefined;

/**
 * The URL of a registry, without a slash at its end: OCIBUILD_NPM_REGISTRY, or else what `npm config get registry` says,
 * which is asked once a process. undefined where neither names one. Credentials of npm's configuration are not used.
 */
export function npmRegistry(env: Environment): string | undefined {
  const given = env['OCIBUILD_NPM_REGISTRY'] ?? '';
  if (given !== '') return given.replace(/\/+$/, '');
  asked ??= { answer: askNpm(env) };
  return asked.answer;
}

function askNpm(env: Environment): string | undefined {
  try {
    const answer = execFileSync('npm', ['config', 'get', 'registry'], {
      env: { ...env },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    return /^https?:\/\//.test(answer) ? answer.replace(/\/+$/, '') : undefined;
  } catch {
    return undefined;
  }
}
