// Owns: a comparison as JSON. One document, written as it comes:
//
//   {"format":1,"left":NAME,"right":NAME,"findings":[FINDING…],"equal":BOOL,"differences":N,"notes":N,"leftOut":N,
//    "ignored":{FIELD:N…}}
//
// FINDING is the Finding of finding.ts as it is; one a line. Characters outside ASCII are escaped, so that no terminal and no
// parser of lines is led astray.

import { shownJson } from '../shown-text.ts';
import type { Renderer } from './renderer.ts';

/** Raised when a member changes its meaning; more members may come without. */
const FORMAT = 1;

export function jsonRenderer(): Renderer {
  let isFirst = true;
  return {
    begin: (left, right) => `{"format":${FORMAT},"left":${shownJson(left)},"right":${shownJson(right)},"findings":[`,
    finding(finding) {
      const comma = isFirst ? '' : ',';
      isFirst = false;
      return `${comma}\n${shownJson(finding)}`;
    },
    end: ({ differences, notes, leftOut, ignored }) =>
      `\n],"equal":${differences === 0},"differences":${differences},"notes":${notes},"leftOut":${leftOut},` +
      `"ignored":${shownJson(ignored)}}\n`,
  };
}
