// Owns: the list of all variations, outside ones first, in the order of reports.

import { BuildError } from '../errors.ts';
import { didYouMean } from '../recipe/near-miss.ts';
import type { Variation } from './variation.ts';
import { addressSpace } from './variations/address-space.ts';
import { calendar } from './variations/calendar.ts';
import { callerEnvironment } from './variations/caller-environment.ts';
import { callerHostname } from './variations/caller-hostname.ts';
import { callerIds } from './variations/caller-ids.ts';
import { callerLocale } from './variations/caller-locale.ts';
import { callerTimezone } from './variations/caller-timezone.ts';
import { callerUmask } from './variations/caller-umask.ts';
import { clock } from './variations/clock.ts';
import { fileOrder } from './variations/file-order.ts';
import { hostname } from './variations/hostname.ts';
import { idMap } from './variations/id-map.ts';
import { jobs } from './variations/jobs.ts';
import { kernel } from './variations/kernel.ts';
import { load } from './variations/load.ts';
import { locale } from './variations/locale.ts';
import { paths } from './variations/paths.ts';
import { processors } from './variations/processors.ts';
import { runtime } from './variations/runtime.ts';
import { timezone } from './variations/timezone.ts';
import { umask } from './variations/umask.ts';
import { uptime } from './variations/uptime.ts';

export const VARIATIONS: readonly Variation[] = [
  callerEnvironment,
  callerHostname,
  callerIds,
  callerLocale,
  callerTimezone,
  callerUmask,
  jobs,
  paths,
  runtime,
  addressSpace,
  calendar,
  clock,
  fileOrder,
  hostname,
  idMap,
  kernel,
  load,
  locale,
  processors,
  timezone,
  umask,
  uptime,
];

/** The variations of these names. Throws BuildError USAGE. */
export function namedVariations(names: readonly string[], flag: string): readonly Variation[] {
  return names.map((name) => {
    const found = VARIATIONS.find((variation) => variation.name === name);
    if (found !== undefined) return found;
    const known = VARIATIONS.map((variation) => variation.name);
    throw new BuildError('USAGE', `${flag}: there is no variation ${name}`, {
      want: known.join(', '),
      hint: didYouMean(name, known) ?? 'ocibuild help reproduce',
    });
  });
}
