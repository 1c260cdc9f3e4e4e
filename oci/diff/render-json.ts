// Owns: a comparison as JSON. One document, written as it comes:
//
//   {"format":1,"left":NAME,"right":NAME,"findings":[FINDING…],"equal":BOOL,"differences":N,"notes":N,"leftOut":N,
//    "ignored":{FIELD:N…}}
//
// FINDING is the Finding of finding.ts as it is; one a line. Characters outside ASCII are escaped, so that no terminal and no
// parser of lines is led astray.

import type { Renderer } from './renderer.ts';

/** Raised when a member changes its meaning; more members may come without. */
const FORMAT = 1;

export function jsonRenderer(): Renderer {
  let isFirst = true;
  return {
    begin: (left, right) => `{"format":${FORMAT},"left":${json(left)},"right":${json(right)},"findings":[`,
    finding(finding) {
      const comma = isFirst ? '' : ',';
      isFirst = false;
      return `${comma}\n${json(finding)}`;
    },
    end: ({ differences, notes, leftOut, ignored }) =>
      `\n],"equal":${differences === 0},"differences":${differences},"notes":${notes},"leftOut":${leftOut},` +
      `"ignored":${json(ignored)}}\n`,
  };
}

function json(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
