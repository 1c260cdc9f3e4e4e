// Owns: errors of building, which point at what the user wrote, and the exit status each one gives.

import { describe, type ErrorDetail } from '../oci/errors.ts';
import { shownLines } from '../oci/shown-text.ts';

/** A place in a file the user wrote. `file` is as the user would type it; `line` counts from 1. */
export interface SourceLocation {
  readonly file: string;
  readonly line: number;
}

/** Every way a build can end early. A closed union. */
export type BuildErrorCode =
  | 'USAGE' // the command line
  | 'PARSE' // a Containerfile that is not one
  | 'EXPAND' // a variable that cannot be expanded
  | 'RECIPE' // a package.toml or a tree that is wrong
  | 'LINT'
  | 'CYCLE'
  | 'UNKNOWN_RECIPE'
  | 'UNKNOWN_STAGE'
  | 'SOURCE_MISMATCH'
  | 'SOURCE_MISSING'
  | 'NETWORK'
  | 'SIGNATURE'
  | 'COPY'
  | 'ADD'
  | 'STEP_FAILED' // the program of a RUN ended with another status than 0
  | 'SNAPSHOT'
  | 'STORE'
  | 'DISK_FULL'
  | 'INTERRUPTED'
  | 'CHECK_FAILED'
  | 'MACHINE'; // this machine cannot do it: no user namespaces, no runtime, no registry access

export interface BuildErrorDetail extends ErrorDetail {
  readonly location?: SourceLocation;
}

/** Thrown by everything under `src/`. */
export class BuildError extends Error {
  readonly code: BuildErrorCode;
  readonly location: SourceLocation | undefined;
  readonly detail: BuildErrorDetail;
  constructor(code: BuildErrorCode, message: string, detail: BuildErrorDetail = {}) {
    super(describe(message, detail), detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'BuildError';
    this.code = code;
    this.location = detail.location;
    this.detail = detail;
  }
}

/**
 * `file:line: CODE: message`, the one form in which every error reaches the user. Names and values in it may be anybody's: what
 * a terminal would obey is escaped.
 */
export function formatError(error: { code: string; message: string; location?: SourceLocation | undefined }): string {
  const place = error.location === undefined ? '' : `${error.location.file}:${error.location.line}: `;
  return shownLines(`${place}${error.code}: ${error.message}`);
}

/** 1 the build or the check failed, 2 usage, 3 this machine can't do it. */
export function exitStatusOf(code: string): number {
  if (code === 'USAGE') return 2;
  if (code === 'MACHINE') return 3;
  if (code === 'INTERRUPTED') return 130;
  return 1;
}
