// Owns: heredocs: finding their operators in an instruction's line and cutting bodies out of the lines that follow.

import type { SourceLocation } from '../errors.ts';
import { refuse } from './fault.ts';
import type { Heredoc } from './instruction.ts';
import { LexFault, type LexOptions, lex } from './lex.ts';
import type { LineReader } from './token.ts';

export interface HeredocOperator {
  readonly name: string;
  readonly expand: boolean;
  readonly stripTabs: boolean;
  readonly fd: number;
}

/** A heredoc with its body as written, tabs included. */
export interface WrittenHeredoc extends HeredocOperator {
  readonly raw: string;
}

const asWritten: LexOptions = { escape: '\\', rawQuotes: true, rawEscapes: true, keepUnknown: true };

/**
 * Reads one word as a heredoc operator; undefined when it is something else.
 *
 *     operator  = digit* '<<' ['-'] delimiter        no blank before the delimiter
 *     delimiter = one word of the shell, quoted in part or as a whole when the body is not to be expanded
 */
export function heredocOperator(word: string): HeredocOperator | undefined {
  const match = /^([0-9]*)<<(-?)([^<]+)$/s.exec(word);
  if (match === null) return undefined;
  const bare = tryLex(match[3]!, { escape: '\\', keepUnknown: true });
  const raw = tryLex(match[3]!, { escape: '\\', keepUnknown: true, rawQuotes: true });
  if (bare?.length !== 1 || raw?.length !== 1) return undefined;
  return {
    name: bare[0]!,
    expand: quotesIn(bare[0]!) === quotesIn(raw[0]!),
    stripTabs: match[2] === '-',
    fd: match[1] === '' ? 0 : Number(match[1]),
  };
}

function quotesIn(word: string): number {
  return word.replace(/[^'"]/g, '').length;
}

function tryLex(text: string, options: LexOptions): readonly string[] | undefined {
  try {
    return lex(text, () => undefined, options).words;
  } catch (error) {
    if (error instanceof LexFault) return undefined;
    throw error;
  }
}

/**
 * Every heredoc operator of an instruction's line, in order. A line that is no sequence of shell words (an open quote, a substitution
 * this dialect does not know) has none, as in BuildKit.
 */
export function heredocOperators(line: string): HeredocOperator[] {
  if (!line.includes('<<')) return [];
  return (tryLex(line, asWritten) ?? []).map(heredocOperator).filter((operator) => operator !== undefined);
}

/**
 * Cuts the body out of the lines that follow.
 *
 *     heredoc = line* terminator NL        terminator: the delimiter alone on its line, after tabs under `<<-`
 *
 * Throws BuildError PARSE at `at` when the file ends first.
 */
export function readHeredoc(operator: HeredocOperator, reader: LineReader, at: SourceLocation): WrittenHeredoc {
  const body: string[] = [];
  for (;;) {
    const line = reader.nextRaw();
    if (line === undefined) {
      refuse(at, 'the heredoc is not terminated', { want: `a line that holds only ${operator.name}` });
    }
    let word = line.replace(/[\r\n]+$/, '');
    if (operator.stripTabs) word = word.replace(/^\t+/, '');
    if (word === operator.name) return { ...operator, raw: body.join('') };
    body.push(line);
  }
}

export function stripTabs(body: string): string {
  return body.replace(/^\t+/gm, '');
}

export function toHeredoc(written: WrittenHeredoc): Heredoc {
  const { name, expand, fd } = written;
  const content = written.stripTabs ? stripTabs(written.raw) : written.raw;
  return { name, content, expand, stripTabs: written.stripTabs, fd };
}
