// Owns: what draws a comparison: text, JSON or HTML, piece by piece as findings come.

import type { Finding } from './finding.ts';
import type { Tally } from './tally.ts';

/** Each call gives what is to be written next. */
export interface Renderer {
  /** The subjects' names. */
  begin(left: string, right: string): string;
  finding(finding: Finding): string;
  end(tally: Tally): string;
}
