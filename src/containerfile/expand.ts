// Owns: variables: expanding words, and the fields of an instruction that BuildKit expands. Where the values come from is the caller's.

import { BuildError, type BuildErrorDetail, type SourceLocation } from '../errors.ts';
import { refuse, shown } from './fault.ts';
import type { CopyInstruction, Heredoc, Instruction } from './instruction.ts';
import { type Lexed, LexFault, type LexOptions, type Lookup, lex } from './lex.ts';
import { parseMount } from './mount.ts';
import { exposedPorts } from './ports.ts';
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
  const { at } = instruction;
  const options: ExpandOptions = { escape: escapeMark, at };
  const word = (text: string): string => expandWord(text, lookup, options);
  const expanded = mapWords(instruction, {
    word,
    words: (text) => expandWords(text, lookup, options),
    body: (text) => expandHeredoc(text, lookup, at),
  });
  checkExpanded(instruction, expanded);
  if (expanded.keyword !== 'RUN' || expanded.mountTexts.length === 0) return expanded as T;
  return { ...expanded, mounts: expanded.mountTexts.map((text) => parseMount(text, at, word)) } as Instruction as T;
}

/** What to do with each kind of text that takes variables. */
export interface WordMapper {
  /** One word to one string. */
  readonly word: (text: string) => string;
  /** One word to any number of strings. */
  readonly words: (text: string) => readonly string[];
  /** A heredoc body whose delimiter is not quoted. */
  readonly body: (text: string) => string;
}

/** Applies `mapper` to every text of an instruction that takes variables, but for RUN's mounts. */
export function mapWords(instruction: Instruction, mapper: WordMapper): Instruction {
  const { word } = mapper;
  switch (instruction.keyword) {
    case 'FROM': {
      const { platform: written, ...rest } = instruction;
      const platform = written === undefined ? '' : word(written);
      return { ...rest, image: word(instruction.image), ...(platform === '' ? {} : { platform }) };
    }
    case 'ARG': {
      const args = instruction.args.map(({ key, value }) => ({
        key: word(key),
        value: value === undefined ? undefined : word(value),
      }));
      return { ...instruction, args };
    }
    case 'ENV':
    case 'LABEL':
      return {
        ...instruction,
        pairs: instruction.pairs.map(({ key, value }) => ({ key: word(key), value: word(value) })),
      };
    case 'COPY':
    case 'ADD':
      return mapCopy(instruction, mapper);
    case 'EXPOSE':
      return { ...instruction, ports: instruction.ports.flatMap(mapper.words) };
    case 'VOLUME':
      return { ...instruction, paths: instruction.paths.map(word) };
    case 'USER':
      return { ...instruction, user: word(instruction.user) };
    case 'WORKDIR':
      return { ...instruction, path: word(instruction.path) };
    case 'STOPSIGNAL':
      return { ...instruction, signal: word(instruction.signal) };
    default:
      return instruction;
  }
}

function mapCopy(instruction: CopyInstruction, { word, body }: WordMapper): CopyInstruction {
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

function checkExpanded(written: Instruction, expanded: Instruction): void {
  const { at } = written;
  const fail = (message: string, detail: BuildErrorDetail): never => {
    throw new BuildError('EXPAND', message, { ...detail, location: { file: at.file, line: at.line } });
  };
  if (expanded.keyword === 'FROM' && expanded.image === '') {
    fail(`${written.text} names no image: it expands to nothing`, {
      hint: 'only ARGs before the first FROM count here; give one a default or pass --build-arg',
    });
  }
  if (expanded.keyword === 'STOPSIGNAL' && !isSignal(expanded.signal)) {
    refuse(at, 'STOPSIGNAL', { want: 'a signal such as SIGTERM or 15', got: shown(expanded.signal) });
  }
  if (expanded.keyword === 'EXPOSE') exposedPorts(expanded.ports, at);
  if (expanded.keyword === 'COPY' || expanded.keyword === 'ADD') {
    if (expanded.dest === '')
      fail(`the target of ${expanded.keyword} expands to nothing`, { got: shown(written.text) });
  }
  const pairs =
    expanded.keyword === 'ENV' || expanded.keyword === 'LABEL'
      ? expanded.pairs
      : expanded.keyword === 'ARG'
        ? expanded.args
        : [];
  if (pairs.some(({ key }) => key === '')) {
    fail(`a name of ${expanded.keyword} expands to nothing`, { got: shown(written.text) });
  }
}
