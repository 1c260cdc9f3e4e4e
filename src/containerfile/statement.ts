// Owns: one instruction: from its logical line, and the heredocs behind it, to an Instruction. Knows nothing of stages.

import { nearMiss, refuse, shown } from './fault.ts';
import { type FlagValues, readFlags } from './flags.ts';
import { readHealthcheck } from './healthcheck.ts';
import { heredocOperator, heredocOperators, readHeredoc, toHeredoc, type WrittenHeredoc } from './heredoc.ts';
import type {
  ArgInstruction,
  CommandInstruction,
  CommandLine,
  CopyInstruction,
  EnvInstruction,
  ExposeInstruction,
  FromInstruction,
  HealthcheckInstruction,
  Heredoc,
  Instruction,
  KeyValue,
  LabelInstruction,
  MaintainerInstruction,
  OnbuildInstruction,
  RunInstruction,
  Span,
  StopsignalInstruction,
  UserInstruction,
  VolumeInstruction,
  WorkdirInstruction,
} from './instruction.ts';
import { readJsonForm } from './json-form.ts';
import { parseMount } from './mount.ts';
import {
  type Escape,
  type Flag,
  type LineReader,
  type LogicalLine,
  splitFirst,
  splitFlags,
  splitKeyword,
  splitQuotedWords,
  splitWords,
  trim,
} from './token.ts';

/** An instruction cut into its parts, and not yet understood. */
interface Statement {
  readonly keyword: Instruction['keyword'];
  readonly at: Span;
  readonly text: string;
  readonly flags: readonly Flag[];
  readonly values: FlagValues;
  /** What follows keyword and flags, trimmed. */
  readonly rest: string;
  readonly json: readonly string[] | undefined;
  readonly written: readonly WrittenHeredoc[];
  readonly heredocs: readonly Heredoc[];
  readonly escape: Escape;
}

type Base = Pick<Statement, 'at' | 'text' | 'flags' | 'heredocs'>;

export const KEYWORDS = [
  'ADD',
  'ARG',
  'CMD',
  'COPY',
  'ENTRYPOINT',
  'ENV',
  'EXPOSE',
  'FROM',
  'HEALTHCHECK',
  'LABEL',
  'MAINTAINER',
  'ONBUILD',
  'RUN',
  'SHELL',
  'STOPSIGNAL',
  'USER',
  'VOLUME',
  'WORKDIR',
] as const satisfies readonly Instruction['keyword'][];

/** Instructions whose arguments may be a JSON array. */
const JSON_FORMS = new Set<string>(['ADD', 'CMD', 'COPY', 'ENTRYPOINT', 'RUN', 'SHELL', 'VOLUME']);
const HEREDOC_KEYWORDS = new Set<string>(['ADD', 'COPY', 'RUN']);

/**
 *     instruction = KEYWORD (blank+ flag)* [blank+ arguments] NL heredoc*
 *
 * Reads the heredocs off `reader`. `locate` makes the location; the last line is asked for once they are read. Throws BuildError PARSE.
 */
export function parseInstruction(
  line: LogicalLine,
  reader: LineReader,
  locate: (line: number, lastLine: number) => Span,
): Instruction {
  const start = locate(line.line, line.lastLine);
  const text = trim(line.text);
  const { keyword, rest: args } = splitKeyword(text);
  const known = knownKeyword(keyword, start);
  const { flags, rest } = splitFlags(args);
  const values = readFlags(known, flags, start);
  const json = JSON_FORMS.has(known) ? readJsonForm(rest, start) : undefined;
  const operators = mayHaveHeredocs(known, rest, json, start) ? heredocOperators(text) : [];
  const written = operators.map((operator) => readHeredoc(operator, reader, start));
  const at = written.length === 0 ? start : locate(line.line, reader.line);
  const heredocs = written.map(toHeredoc);
  const mark = reader.directives.escape;
  return build({ keyword: known, at, text, flags, values, rest, json, written, heredocs, escape: mark });
}

function knownKeyword(keyword: string, at: Span): Instruction['keyword'] {
  const upper = keyword.toUpperCase();
  const known = KEYWORDS.find((candidate) => candidate === upper);
  if (known !== undefined) return known;
  const heredoc = KEYWORDS.find((candidate) => upper.startsWith(`${candidate}<<`));
  const hint = heredoc === undefined ? nearMiss(keyword, KEYWORDS) : `write a blank between ${heredoc} and <<`;
  refuse(at, `${shown(keyword)} is no instruction`, {
    hint: hint ?? 'is a \\ missing at the end of the line before, or does a blank stand between << and its delimiter?',
  });
}

function mayHaveHeredocs(keyword: string, rest: string, json: readonly string[] | undefined, at: Span): boolean {
  if (keyword !== 'ONBUILD') return HEREDOC_KEYWORDS.has(keyword) && json === undefined;
  const trigger = splitKeyword(rest);
  if (!HEREDOC_KEYWORDS.has(trigger.keyword.toUpperCase())) return false;
  return readJsonForm(splitFlags(trigger.rest).rest, at) === undefined;
}

function build(statement: Statement): Instruction {
  switch (statement.keyword) {
    case 'FROM':
      return buildFrom(statement);
    case 'ARG':
      return buildArg(statement);
    case 'ENV':
    case 'LABEL':
      return buildPairs(statement);
    case 'RUN':
      return buildRun(statement);
    case 'COPY':
    case 'ADD':
      return buildCopy(statement);
    case 'CMD':
    case 'ENTRYPOINT':
    case 'SHELL':
      return buildCommand(statement);
    case 'EXPOSE':
      return buildExpose(statement);
    case 'VOLUME':
      return buildVolume(statement);
    case 'HEALTHCHECK':
      return buildHealthcheck(statement);
    case 'ONBUILD':
      return buildOnbuild(statement);
    case 'WORKDIR':
      return { ...base(statement), keyword: 'WORKDIR', path: oneArgument(statement) } satisfies WorkdirInstruction;
    case 'USER':
      return { ...base(statement), keyword: 'USER', user: oneArgument(statement) } satisfies UserInstruction;
    case 'STOPSIGNAL':
      return {
        ...base(statement),
        keyword: 'STOPSIGNAL',
        signal: oneArgument(statement),
      } satisfies StopsignalInstruction;
    case 'MAINTAINER':
      return {
        ...base(statement),
        keyword: 'MAINTAINER',
        name: oneArgument(statement),
      } satisfies MaintainerInstruction;
  }
}

function base({ at, text, flags, heredocs }: Statement): Base {
  return { at, text, flags, heredocs };
}

/** The whole rest of the line, blanks included. */
function oneArgument({ keyword, rest, at }: Statement): string {
  if (rest === '') refuse(at, `${keyword} needs an argument`);
  return rest;
}

/**
 *     from = 'FROM' ['--platform=' platform] image ['AS' name]
 *     name = letter (letter | digit | '-' | '_' | '.')*           case does not count; `scratch` is taken
 */
function buildFrom(statement: Statement): FromInstruction {
  const { at, rest, values } = statement;
  const words = splitWords(rest);
  const [image, as, name] = words;
  if (image === undefined || (words.length !== 1 && words.length !== 3) || (words.length === 3 && !/^as$/i.test(as!))) {
    refuse(at, 'FROM has the wrong arguments', {
      want: 'FROM IMAGE, or FROM IMAGE AS NAME',
      got: shown(statement.text),
    });
  }
  const platform = values.text('platform');
  return {
    ...base(statement),
    keyword: 'FROM',
    image,
    ...(platform === undefined ? {} : { platform }),
    ...(name === undefined ? {} : { as: stageName(name, at) }),
  };
}

function stageName(written: string, at: Span): string {
  const name = written.toLowerCase();
  if (!/^[a-z][a-z0-9_.-]*$/.test(name)) {
    refuse(at, 'a stage cannot have this name', {
      want: 'a letter, then letters, digits, - _ and .',
      got: shown(written),
    });
  }
  if (name === 'scratch') refuse(at, 'a stage cannot be named scratch', { hint: 'FROM scratch means the empty image' });
  return name;
}

/**     arg = 'ARG' (name ['=' value])+            value: one quoted word */
function buildArg(statement: Statement): ArgInstruction {
  const words = splitQuotedWords(statement.rest, statement.escape);
  if (words.length === 0) refuse(statement.at, 'ARG needs a name');
  const args = words.map((word) => {
    const equals = word.indexOf('=');
    if (equals === 0) refuse(statement.at, 'ARG has a value without a name', { got: shown(word) });
    return equals < 0 ? { key: word, value: undefined } : { key: word.slice(0, equals), value: word.slice(equals + 1) };
  });
  return { ...base(statement), keyword: 'ARG', args };
}

/**
 *     env   = ('ENV' | 'LABEL') (pair+ | key blank+ anything)          the second is the old form, with one pair
 *     pair  = key '=' value                                            each one quoted word
 */
function buildPairs(statement: Statement): EnvInstruction | LabelInstruction {
  const { at, rest } = statement;
  const keyword = statement.keyword as 'ENV' | 'LABEL';
  const words = splitQuotedWords(rest, statement.escape);
  const first = words[0];
  if (first === undefined) refuse(at, `${keyword} needs a name and a value`, { want: `${keyword} NAME=VALUE` });
  if (!first.includes('=')) {
    const { first: key, rest: value } = splitFirst(rest);
    if (value === undefined || value === '') {
      refuse(at, `${keyword} has a name without a value`, {
        want: `${keyword} NAME=VALUE`,
        got: shown(statement.text),
      });
    }
    return { ...base(statement), keyword, pairs: [{ key, value }] };
  }
  const pairs = words.map((word): KeyValue => {
    const equals = word.indexOf('=');
    if (equals < 0)
      refuse(at, `a word of ${keyword} has no =`, {
        want: 'NAME=VALUE',
        got: shown(word),
        hint: 'quote a value with blanks',
      });
    if (equals === 0) refuse(at, `${keyword} has a value without a name`, { got: shown(word) });
    return { key: word.slice(0, equals), value: word.slice(equals + 1) };
  });
  return { ...base(statement), keyword, pairs };
}

/** Undefined when there is nothing at all. */
function commandLine({ json, rest }: Statement): CommandLine | undefined {
  if (json !== undefined) return { form: 'json', args: json };
  return rest === '' ? undefined : { form: 'shell', args: [rest] };
}

/**
 *     run  = 'RUN' flag* (json-form | shell-text)
 *
 * Shell text that is one heredoc operator and nothing else stands for the heredoc's body. With anything beside it, the text, the bodies
 * and the terminators go to the shell, which reads the heredocs itself.
 */
function buildRun(statement: Statement): RunInstruction {
  const { at, rest, values, written, heredocs } = statement;
  const command = commandLine(statement);
  if (command === undefined || command.args.length === 0) refuse(at, 'RUN needs a command');
  const network = oneOf(values.text('network'), ['none', 'default', 'host'] as const, 'network', at);
  const security = oneOf(values.text('security'), ['sandbox', 'insecure'] as const, 'security', at);
  const mountTexts = values.list('mount');
  const mounts = mountTexts.map((text) => parseMount(text, at));
  const shared = { ...base(statement), keyword: 'RUN', mounts, network, security, mountTexts } as const;
  const first = heredocs[0];
  if (first === undefined) return { ...shared, command };
  if (heredocOperator(rest) === undefined) {
    const bodies = written.map(({ raw, name }) => `\n${raw}${name}`).join('');
    return { ...shared, command: { form: 'shell', args: [rest + bodies] } };
  }
  const body = first.content;
  return {
    ...shared,
    command: { form: 'shell', args: [body] },
    ...(body.startsWith('#!') ? { script: body } : {}),
  };
}

function oneOf<T extends string>(
  value: string | undefined,
  words: readonly T[],
  flag: string,
  at: Span,
): T | undefined {
  if (value === undefined) return undefined;
  const found = words.find((word) => word === value);
  if (found === undefined)
    refuse(at, `--${flag} has no such value`, { want: `one of ${words.join(', ')}`, got: shown(value) });
  return found;
}

/**
 *     copy   = ('COPY' | 'ADD') flag* (json-form | source+ dest)      words between blanks; quotes are the expander's
 *     source = path | heredoc-operator
 */
function buildCopy(statement: Statement): CopyInstruction {
  const { at, values } = statement;
  const keyword = statement.keyword as 'COPY' | 'ADD';
  const words = statement.json ?? splitWords(statement.rest);
  if (words.length < 2) {
    refuse(at, `${keyword} needs at least a source and a target`, { got: shown(statement.text) });
  }
  const dest = words.at(-1)!;
  const isHeredoc = (word: string): boolean => statement.json === undefined && heredocOperator(word) !== undefined;
  if (isHeredoc(dest)) refuse(at, `the target of ${keyword} is a heredoc`, { got: shown(dest) });
  const sources = words.slice(0, -1);
  checkHeredocs(statement, keyword, sources.filter(isHeredoc).length);
  const from = values.text('from');
  if (from !== undefined && /\$./.test(from)) {
    refuse(at, 'a variable cannot stand in --from', {
      got: shown(from),
      hint: 'name a stage with FROM … AS, where variables may stand, and copy from that',
    });
  }
  const texts: Partial<Record<'from' | 'chown' | 'chmod' | 'checksum', string>> = {};
  for (const name of ['from', 'chown', 'chmod', 'checksum'] as const) {
    const value = values.text(name);
    if (value !== undefined) texts[name] = value;
  }
  const keepGitDir = values.bool('keep-git-dir');
  const unpack = values.bool('unpack');
  return {
    ...base(statement),
    keyword,
    sources: sources.filter((word) => !isHeredoc(word)),
    dest,
    ...texts,
    link: values.bool('link') ?? false,
    parents: values.bool('parents') ?? false,
    exclude: values.list('exclude'),
    ...(keepGitDir === undefined ? {} : { keepGitDir }),
    ...(unpack === undefined ? {} : { unpack }),
  };
}

function checkHeredocs({ at, heredocs }: Statement, keyword: string, sources: number): void {
  if (heredocs.length !== sources) {
    refuse(at, `a heredoc of ${keyword} is no word of its own`, { hint: 'write the delimiter without blanks' });
  }
  for (const { name } of heredocs) {
    if (name.includes('/') || name === '.' || name === '..') {
      refuse(at, `a heredoc of ${keyword} cannot be named ${shown(name)}`, { hint: 'its delimiter is its file name' });
    }
  }
}

function buildCommand(statement: Statement): CommandInstruction {
  const { at } = statement;
  const keyword = statement.keyword as 'CMD' | 'ENTRYPOINT' | 'SHELL';
  const command = commandLine(statement);
  if (command === undefined) {
    refuse(at, `${keyword} needs a command`, keyword === 'SHELL' ? {} : { hint: `${keyword} [] sets an empty one` });
  }
  if (keyword === 'SHELL' && (command.form !== 'json' || command.args.length === 0)) {
    refuse(at, 'SHELL takes the JSON form only', { want: 'SHELL ["program", "argument"]', got: shown(statement.text) });
  }
  return { ...base(statement), keyword, command };
}

function buildExpose(statement: Statement): ExposeInstruction {
  const ports = splitWords(statement.rest);
  if (ports.length === 0) refuse(statement.at, 'EXPOSE needs a port');
  return { ...base(statement), keyword: 'EXPOSE', ports };
}

function buildVolume(statement: Statement): VolumeInstruction {
  const paths = (statement.json ?? splitWords(statement.rest)).map(trim);
  if (paths.length === 0) refuse(statement.at, 'VOLUME needs a path');
  if (paths.includes('')) refuse(statement.at, 'VOLUME has an empty path');
  return { ...base(statement), keyword: 'VOLUME', paths };
}

function buildHealthcheck(statement: Statement): HealthcheckInstruction {
  return { ...base(statement), keyword: 'HEALTHCHECK', ...readHealthcheck(statement) };
}

/**     onbuild = 'ONBUILD' instruction            not ONBUILD, FROM or MAINTAINER */
function buildOnbuild(statement: Statement): OnbuildInstruction {
  const { at, rest, written } = statement;
  if (rest === '') refuse(at, 'ONBUILD needs an instruction');
  const trigger = rest + written.map(({ raw, name }) => `\n${raw}${name}`).join('');
  checkTriggerKeyword(splitKeyword(rest).keyword, at);
  return { ...base(statement), keyword: 'ONBUILD', trigger };
}

/** Throws BuildError PARSE for the instructions that no trigger may be. */
export function checkTriggerKeyword(keyword: string, at: Span): void {
  const upper = keyword.toUpperCase();
  if (upper === 'ONBUILD' || upper === 'FROM' || upper === 'MAINTAINER') {
    refuse(at, `${upper} cannot be an ONBUILD trigger`);
  }
}
