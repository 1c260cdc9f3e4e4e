// Owns: findings as text, for a terminal or a log. Findings are fit to be shown already: nothing is escaped here.

import type { Finding, HexWindow, LayerPlace } from './finding.ts';
import type { Renderer } from './renderer.ts';
import { tallyText } from './tally.ts';

/** Findings under the layer they lie in, and a closing line. */
export function textRenderer(): Renderer {
  let layer: LayerPlace | undefined;
  return {
    begin: () => '',
    finding(finding) {
      const isNew = !isSameLayer(layer, finding.layer);
      layer = finding.layer;
      return (isNew && layer !== undefined ? layerText(layer) : '') + findingText(finding);
    },
    end: (tally) => `${tallyText(tally)}\n`,
  };
}

export function isSameLayer(one: LayerPlace | undefined, other: LayerPlace | undefined): boolean {
  return one?.left?.number === other?.left?.number && one?.right?.number === other?.right?.number;
}

/** One finding, several lines, each ending in a newline. */
export function findingText(finding: Finding): string {
  const { left, right, note } = finding;
  const lines = [`${headline(finding)}\n`];
  if (finding.text !== undefined) lines.push(...hunkLines(finding.text));
  else {
    if (left !== undefined || right !== undefined) {
      lines.push(`    left:  ${left ?? '(none)'}\n`, `    right: ${right ?? '(none)'}\n`);
    }
    if (finding.hex !== undefined) lines.push(...hexLines(finding.hex.left, finding.hex.right));
  }
  if (note !== undefined) lines.push(`    ${note}\n`);
  return lines.join('');
}

/** `usr/lib/libz.a: content: ar member crc32.o > elf section .text, byte 64: changed`, and where that is. */
function headline(finding: Finding): string {
  const { platform, path, level, field, kind, offset, inner, weight } = finding;
  const steps = inner.map((place) => `${place.kind} ${place.name}`).join(' > ');
  const what = field === undefined || field === level ? level : `${level} ${field}`;
  const place = [path, what, steps === '' ? undefined : steps].filter((part) => part !== undefined).join(': ');
  const at = offset === undefined ? '' : `, byte ${offset}`;
  const mark = weight === 'difference' ? '' : `(${weight}) `;
  return `${mark}${place}${at}: ${kind}${platform === undefined ? '' : ` [${platform}]`}`;
}

/** `layer 2: RUN make`: what stands above the findings of one layer. */
export function layerText({ left, right }: LayerPlace): string {
  const number =
    left !== undefined && right !== undefined && left.number !== right.number
      ? `${left.number} on the left, ${right.number} on the right`
      : String((left ?? right)!.number);
  const [one, other] = [left?.createdBy, right?.createdBy];
  const made = one === other || other === undefined ? one : one === undefined ? other : `${one}\n  right: ${other}`;
  return `layer ${number}${made === undefined ? '' : `: ${made}`}\n`;
}

function hunkLines({ line, before, left, right, after }: NonNullable<Finding['text']>): string[] {
  const show = (mark: string, lines: readonly string[]): string[] => lines.map((text) => `    ${mark} ${text}\n`);
  return [`    line ${line}\n`, ...show(' ', before), ...show('-', left), ...show('+', right), ...show(' ', after)];
}

/** Both sides as in `hexdump -C`, a line of the left and the same line of the right where they differ. */
function hexLines(left: HexWindow, right: HexWindow): string[] {
  const lines: string[] = [];
  const rows = Math.max(rowCount(left), rowCount(right));
  for (let row = 0; row < rows; row++) {
    const [one, other] = [hexLine(left, row), hexLine(right, row)];
    if (one === other) lines.push(`      ${one}\n`);
    else {
      if (one !== undefined) lines.push(`    - ${one}\n`);
      if (other !== undefined) lines.push(`    + ${other}\n`);
    }
  }
  return lines;
}

const ROW = 32;

function rowCount({ bytes }: HexWindow): number {
  return Math.ceil(bytes.length / ROW);
}

/** `00000040  7f 45 4c 46 …  |.ELF…|`, undefined behind the end. */
export function hexLine({ at, bytes }: HexWindow, row: number): string | undefined {
  const digits = bytes.slice(row * ROW, (row + 1) * ROW);
  if (digits === '') return undefined;
  const pairs = digits.match(/../g)!;
  const ascii = Buffer.from(digits, 'hex')
    .toString('latin1')
    .replace(/[^ -~]/g, '.');
  const offset = (at + (row * ROW) / 2).toString(16).padStart(8, '0');
  return `${offset}  ${pairs.join(' ').padEnd(47)}  |${ascii}|`;
}
