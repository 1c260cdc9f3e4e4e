// Owns: variables: expanding words, and the fields of an instruction that BuildKit expands. Where the values come from is the caller's.

import { BuildError, type SourceLocation } from '../errors.ts';
import { refuse, shown } from './fault.ts';
import type { CopyInstruction, Heredoc, Instruction, KeyValue } from './instruction.ts';
import { type Lexed, LexFault, type LexOptions, type Lookup, lex } from './lex.ts';
import { parseMount } from './mount.ts';
import { isSignal } from './signal.ts';
import type { Escape } from './token.ts';

export interface ExpandOptions {
  readonly escape: Escape;
  readonly at: SourceLocation;
  /** A variable `lookup` does not know stays as written, instead of becoming empty. */
  readonly keepUnknown?: boolean;
}

/**
 * One word to one string: variables replaced, quotes and escapes removed.
 *
 * `'…'` is literal, `"…"` expands; `$x`, `${x}`, and with w expanded in its turn `${x-w}` `${x:-w}` (w when unset, or also when empty),
 * `${x+w}` `${x:+w}` (w when set, or set and not empty), `${x?w}` `${x:?w}` (an error that says w), `${x#p}` `${x##p}` `${x%p}` `${x%%p}`
 * (without the shortest or longest prefix or suffix that matches p), `${x/p/w}` `${x//p/w}` (first or all matches replaced); p has `*`,
 * `?` and backslash escapes. Throws BuildError EXPAND at `options.at`.
 */
export function expandWord(word: string, lookup: Lookup, options: ExpandOptions): string {
  return located(word, lookup, options, options.at).text;
}

/** As expandWord, then split at blanks that are neither quoted nor escaped. An empty variable gives no word. */
export function expandWords(word: string, lookup: Lookup, options: ExpandOptions): readonly string[] {
  return located(word, lookup, options, options.at).words;
}

/**
 * A heredoc body of COPY or ADD: variables are replaced, a backslash escapes the next character (and goes), quotes are ordinary
 * characters, `$(…)` stays. The escape is a backslash whatever the directive says. Throws BuildError EXPAND.
 */
export function expandHeredoc(content: string, lookup: Lookup, at: SourceLocation): string {
  return located(content, lookup, { escape: '\\', literalQuotes: true }, at).text;
}

function located(word: string, lookup: Lookup, options: LexOptions, at: SourceLocation): Lexed {
  try {
    return lex(word, lookup, options);
  } catch (error) {
    if (!(error instanceof LexFault)) throw error;
    const location = { file: at.file, line: at.line };
    throw new BuildError('EXPAND', `${shown(word)} cannot be expanded: ${error.message}`, { location });
  }
}

/**
 * The instruction with every field expanded that BuildKit expands: arguments of ADD, COPY, ENV, EXPOSE, FROM, LABEL, STOPSIGNAL, USER,
 * VOLUME, WORKDIR, names and defaults of ARG, values of `--mount`, `--chown`, `--chmod`, `--checksum`, `--exclude`, `--platform`, and heredocs
 * of COPY and ADD unless their delimiter is quoted. Command lines are the shell's business; ONBUILD is expanded when it fires.
 *
 * `lookup` is asked as the environment stands before the instruction, for every pair of an ENV line too. Throws BuildError EXPAND, and
 * PARSE when what comes out is no mount, no signal or no image name.
 */
export function expandInstruction<T extends Instruction>(instruction: T, lookup: Lookup, escapeMark: Escape): T {
  return expanded(instruction, lookup, escapeMark) as T;
}

function expanded(instruction: Instruction, lookup: Lookup, escapeMark: Escape): Instruction {
  const { at } = instruction;
  const options: ExpandOptions = { escape: escapeMark, at };
  const word = (text: string): string => expandWord(text, lookup, options);
  const pair = ({ key, value }: KeyValue): KeyValue => ({ key: name(word(key), key, instruction), value: word(value) });
  switch (instruction.keyword) {
    case 'FROM': {
      const image = word(instruction.image);
      if (image === '') {
        throw new BuildError('EXPAND', `FROM ${instruction.image} names no image: it expands to nothing`, {
          location: { file: at.file, line: at.line },
          hint: 'only ARGs before the first FROM count here; give one a default or pass --build-arg',
        });
      }
      const platform = instruction.platform === undefined ? undefined : word(instruction.platform);
      const { platform: _, ...rest } = instruction;
      return { ...rest, image, ...(platform === undefined || platform === '' ? {} : { platform }) };
    }
    case 'ARG': {
      const args = instruction.args.map(({ key, value }) => ({
        key: name(word(key), key, instruction),
        value: value === undefined ? undefined : word(value),
      }));
      return { ...instruction, args };
    }
    case 'ENV':
    case 'LABEL':
      return { ...instruction, pairs: instruction.pairs.map(pair) };
    case 'COPY':
    case 'ADD':
      return expandCopy(instruction, word, (body) => expandHeredoc(body, lookup, at));
    case 'RUN':
      if (instruction.mountTexts.length === 0) return instruction;
      return { ...instruction, mounts: instruction.mountTexts.map((text) => parseMount(text, at, word)) };
    case 'EXPOSE':
      return { ...instruction, ports: instruction.ports.flatMap((port) => expandWords(port, lookup, options)) };
    case 'VOLUME':
      return { ...instruction, paths: instruction.paths.map(word) };
    case 'USER':
      return { ...instruction, user: word(instruction.user) };
    case 'WORKDIR':
      return { ...instruction, path: word(instruction.path) };
    case 'STOPSIGNAL': {
      const signal = word(instruction.signal);
      if (!isSignal(signal)) refuse(at, 'STOPSIGNAL', { want: 'a signal such as SIGTERM or 15', got: shown(signal) });
      return { ...instruction, signal };
    }
    default:
      return instruction;
  }
}

/** A name that can stand before `=` in an environment. */
function name(text: string, written: string, { keyword, at }: Instruction): string {
  if (text === '') {
    throw new BuildError('EXPAND', `a name of ${keyword} is empty once expanded`, {
      location: { file: at.file, line: at.line },
      got: shown(written),
    });
  }
  return text;
}

function expandCopy(
  instruction: CopyInstruction,
  word: (text: string) => string,
  body: (text: string) => string,
): CopyInstruction {
  const { chown, chmod, checksum } = instruction;
  return {
    ...instruction,
    sources: instruction.sources.map(word),
    dest: word(instruction.dest),
    exclude: instruction.exclude.map(word),
    ...(chown === undefined ? {} : { chown: word(chown) }),
    ...(chmod === undefined ? {} : { chmod: word(chmod) }),
    ...(checksum === undefined ? {} : { checksum: word(checksum) }),
    heredocs: instruction.heredocs.map(
      (heredoc): Heredoc => (heredoc.expand ? { ...heredoc, content: body(heredoc.content) } : heredoc),
    ),
  };
}
