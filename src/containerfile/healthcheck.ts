// Owns: the arguments of HEALTHCHECK.

import { parseDuration } from './duration.ts';
import { refuse, shown } from './fault.ts';
import type { FlagValues } from './flags.ts';
import type { HealthcheckInstruction, Span } from './instruction.ts';
import { readJsonForm } from './json-form.ts';
import { type Flag, splitKeyword } from './token.ts';

type Health = Pick<
  HealthcheckInstruction,
  'command' | 'interval' | 'timeout' | 'startPeriod' | 'startInterval' | 'retries'
>;

interface Written {
  readonly at: Span;
  readonly text: string;
  readonly rest: string;
  readonly values: FlagValues;
  readonly flags: readonly Flag[];
}

/**
 *     healthcheck = 'HEALTHCHECK' ('NONE' | flag* 'CMD' (json-form | shell-text))
 *
 * No command means NONE. Throws BuildError PARSE.
 */
export function readHealthcheck({ at, text, rest, values, flags }: Written): Health {
  const { keyword: kind, rest: command } = splitKeyword(rest);
  const want = 'HEALTHCHECK NONE, or HEALTHCHECK [flags] CMD command';
  if (kind.toUpperCase() === 'NONE') {
    if (command !== '') refuse(at, 'HEALTHCHECK NONE takes no arguments', { got: shown(command) });
    if (flags.length > 0) refuse(at, 'HEALTHCHECK NONE takes no flags', { got: `--${flags[0]!.name}` });
    return {};
  }
  if (kind.toUpperCase() !== 'CMD') refuse(at, 'HEALTHCHECK has the wrong arguments', { want, got: shown(text) });
  const args = readJsonForm(command, at);
  if (command === '' || args?.length === 0) refuse(at, 'HEALTHCHECK CMD needs a command');
  const numbers: Partial<Record<'interval' | 'timeout' | 'startPeriod' | 'startInterval' | 'retries', number>> = {};
  for (const [flag, field] of HEALTH_DURATIONS) {
    const value = values.text(flag);
    if (value !== undefined) numbers[field] = healthDuration(flag, value, at);
  }
  const retries = values.text('retries');
  if (retries !== undefined) {
    const number = /^\+?[0-9]+$/.test(retries) ? Number(retries) : Number.NaN;
    if (!(number < 2 ** 31))
      refuse(at, '--retries of HEALTHCHECK', { want: 'a whole number from 0', got: shown(retries) });
    numbers.retries = number;
  }
  return {
    command: args === undefined ? { form: 'shell', args: [command] } : { form: 'json', args },
    ...numbers,
  };
}

const HEALTH_DURATIONS = [
  ['interval', 'interval'],
  ['timeout', 'timeout'],
  ['start-period', 'startPeriod'],
  ['start-interval', 'startInterval'],
] as const;

/** 0 means the default of whoever runs the image; anything else lasts a millisecond at least. */
function healthDuration(flag: string, text: string, at: Span): number {
  const duration = parseDuration(text);
  if (duration === undefined || (duration !== 0 && duration < 1e6)) {
    refuse(at, `--${flag} of HEALTHCHECK`, { want: 'a duration of at least 1ms, as 30s or 1m30s', got: shown(text) });
  }
  return duration;
}
