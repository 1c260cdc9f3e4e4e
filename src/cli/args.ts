// Owns: the grammar of the command line. Knows no command and no flag by name.
//
//   words   = { word }
//   word    = "--" NAME [ "=" VALUE ]      a flag; a switch takes only =true or =false
//           | "--" NAME VALUE              a flag that has a value
//           | "-" LETTER [ ["="] VALUE ]   the short form of either
//           | "--"                         everything after it is an operand
//           | OPERAND                      "-" alone is one

import { BuildError } from '../errors.ts';
import { didYouMean } from '../recipe/near-miss.ts';

export interface FlagSpec {
  /** One line for help. */
  readonly summary: string;
  /** What stands for the value in help, `DIR`. Absent: the flag is a switch. */
  readonly value?: string;
  /** One letter. */
  readonly short?: string;
  /** Every use counts, in order. Otherwise the last one wins, so that an alias can be overruled. */
  readonly repeatable?: boolean;
  /** The only values allowed. */
  readonly choices?: readonly string[];
  /** The value is a whole number from 1. */
  readonly count?: boolean;
}

/** Flag name, without dashes, to what it takes. */
export type Flags = Readonly<Record<string, FlagSpec>>;

/** A command line that was checked against its flags. Asking for a flag that was never declared is our bug and throws. */
export interface Args {
  readonly operands: readonly string[];
  /** Those operands that stood after `--`: the end of `operands`. */
  readonly trailing: readonly string[];
  /** Whether the user gave the flag at all. */
  has(name: string): boolean;
  /** A switch; false when absent. */
  is(name: string): boolean;
  /** The last value, undefined when absent. */
  text(name: string): string | undefined;
  /** Every value in order. */
  list(name: string): readonly string[];
  /** The value of a `count` flag, undefined when absent. */
  count(name: string): number | undefined;
}

export interface ParseOptions {
  /** Stop at the first operand, which with all that follows becomes `operands` unread. For flags before a command. */
  readonly stopAtOperand?: boolean;
  /** Shown in errors: `ocibuild help run`. */
  readonly help: string;
}

/** Throws BuildError USAGE, naming the nearest flag for one that is unknown. */
export function parseArgs(words: readonly string[], flags: Flags, options: ParseOptions): Args {
  const values = new Map<string, string[]>();
  const operands: string[] = [];
  let trailing: readonly string[] = [];
  let next = 0;
  while (next < words.length) {
    const word = words[next++]!;
    if (word === '--') {
      trailing = words.slice(next);
      operands.push(...trailing);
      break;
    }
    if (word === '-' || !word.startsWith('-')) {
      operands.push(word);
      if (options.stopAtOperand !== true) continue;
      operands.push(...words.slice(next));
      break;
    }
    const { name, attached, written } = splitFlag(word, flags, options);
    const spec = flags[name]!;
    let value = attached;
    if (spec.value === undefined) value ??= 'true';
    else if (value === undefined) {
      if (next === words.length) throw usage(`${written} needs a value`, options, `${written} ${spec.value}`);
      value = words[next++]!;
    }
    checkValue(written, value, spec, options);
    values.set(name, spec.repeatable === true ? [...(values.get(name) ?? []), value] : [value]);
  }
  return makeArgs(values, operands, trailing, flags);
}

interface SplitFlag {
  readonly name: string;
  readonly attached: string | undefined;
  /** As the user wrote it, without the value. */
  readonly written: string;
}

function splitFlag(word: string, flags: Flags, options: ParseOptions): SplitFlag {
  if (word.startsWith('--')) {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
    if (!Object.hasOwn(flags, name)) {
      const near = didYouMean(
        `--${name}`,
        Object.keys(flags).map((known) => `--${known}`),
      );
      throw usage(`unknown flag --${name}`, near === undefined ? options : { help: options.help, near });
    }
    return { name, attached: equals < 0 ? undefined : word.slice(equals + 1), written: `--${name}` };
  }
  const letter = word.slice(1, 2);
  const found = Object.entries(flags).find(([, spec]) => spec.short === letter);
  if (found === undefined) throw usage(`unknown flag -${letter}`, options, undefined, word);
  const after = word.slice(2);
  if (found[1].value === undefined && after !== '' && !after.startsWith('=')) {
    throw usage(`-${letter} takes no value, and short flags are not joined`, options, `-${letter}`, word);
  }
  const attached = after === '' ? undefined : after.replace(/^=/, '');
  return { name: found[0], attached, written: `-${letter}` };
}

function checkValue(written: string, value: string, spec: FlagSpec, options: ParseOptions): void {
  if (spec.value === undefined && value !== 'true' && value !== 'false') {
    throw usage(`${written} is a switch`, options, `${written} or ${written}=false`, `${written}=${value}`);
  }
  if (spec.choices !== undefined && !spec.choices.includes(value)) {
    throw usage(`${written} does not take this value`, options, spec.choices.join(', '), value);
  }
  if (spec.count === true && !(/^[1-9][0-9]*$/.test(value) && Number.isSafeInteger(Number(value)))) {
    throw usage(`${written} takes a whole number from 1`, options, undefined, value);
  }
}

function makeArgs(
  values: ReadonlyMap<string, readonly string[]>,
  operands: readonly string[],
  trailing: readonly string[],
  flags: Flags,
): Args {
  const list = (name: string): readonly string[] => {
    if (!Object.hasOwn(flags, name)) throw new RangeError(`no flag was declared as ${name}`);
    return values.get(name) ?? [];
  };
  return {
    operands,
    trailing,
    list,
    has: (name) => list(name).length > 0,
    is: (name) => list(name).at(-1) === 'true',
    text: (name) => list(name).at(-1),
    count: (name) => (list(name).length === 0 ? undefined : Number(list(name).at(-1))),
  };
}

function usage(message: string, next: { help: string; near?: string }, want?: string, got?: string): BuildError {
  return new BuildError('USAGE', message, {
    ...(want === undefined ? {} : { want }),
    ...(got === undefined ? {} : { got }),
    hint: `${next.near === undefined ? '' : `${next.near} `}see \`${next.help}\``,
  });
}
