// Owns: how renderers word things: durations, sizes, where an op stands, and a build's output made harmless.

import { stripVTControlCharacters } from 'node:util';
import type { SourceLocation } from '../errors.ts';
import type { BuildEvent } from './event.ts';

export type OpStart = Extract<BuildEvent, { type: 'op-start' }>;
export type FetchEvent = Extract<BuildEvent, { type: 'fetch' }>;

/** `0.3s`, `12.0s`, `3m05s`, `1h02m`. */
export function formatDuration(milliseconds: number): string {
  const tenths = Math.round(milliseconds / 100);
  if (tenths < 600) return `${Math.floor(tenths / 10)}.${tenths % 10}s`;
  const seconds = Math.floor(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${String(seconds % 60).padStart(2, '0')}s`;
  return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, '0')}m`;
}

/** Powers of 1000, one decimal from a kilobyte up: `512 B`, `1.4 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes;
  let unit = -1;
  do {
    value /= 1000;
    unit++;
  } while (value >= 999.95 && unit < 3);
  return `${value.toFixed(1)} ${['kB', 'MB', 'GB', 'TB'][unit]}`;
}

/** `recipes/hello build 2/7`. */
export function opPlace(op: OpStart): string {
  return `${op.target} ${op.stage} ${op.step}/${op.steps}`;
}

/** `gcc.tar.xz 12.0 MB of 80.1 MB`, or `… 12.0 MB` when the server did not say how many. */
export function fetchText(event: FetchEvent): string {
  const of = event.total === undefined || event.done ? '' : ` of ${formatBytes(event.total)}`;
  return `${event.file} ${formatBytes(event.received)}${of}`;
}

/** `warning: file:line: message`. */
export function warningText(message: string, location: SourceLocation | undefined): string {
  return `warning: ${location === undefined ? '' : `${location.file}:${location.line}: `}${cleanLine(message)}`;
}

/**
 * One line of a build's output as a terminal may show it: what stood after the last carriage return (progress bars),
 * without escape sequences, control characters and the marks that turn the writing direction; tabs become spaces.
 */
export function cleanLine(line: string): string {
  const bare = stripVTControlCharacters(line).replace(/\r+$/, '');
  return bare
    .slice(bare.lastIndexOf('\r') + 1)
    .replace(/\t/g, '    ')
    .replace(/[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '');
}
