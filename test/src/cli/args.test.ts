import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Flags, parseArgs } from '../../../src/cli/args.ts';
import { BuildError } from '../../../src/errors.ts';

const FLAGS = {
  tag: { value: 'NAME', short: 't', repeatable: true, summary: '' },
  file: { value: 'FILE', short: 'f', summary: '' },
  'no-cache': { summary: '' },
  quiet: { short: 'q', summary: '' },
  jobs: { value: 'N', short: 'j', count: true, summary: '' },
  progress: { value: 'KIND', choices: ['tty', 'plain'], summary: '' },
} as const satisfies Flags;

const parse = (...words: string[]) => parseArgs(words, FLAGS, { help: 'ocibuild help x' });

describe('a command line', () => {
  test.each<[string[], Record<string, unknown>]>([
    [[], {}],
    [['--file', 'x'], { file: 'x' }],
    [['--file=x'], { file: 'x' }],
    [['--file='], { file: '' }],
    [['--file', ''], { file: '' }],
    [['--file=a=b'], { file: 'a=b' }],
    [['--file', '--tag'], { file: '--tag' }],
    [['-f', 'x'], { file: 'x' }],
    [['-fx'], { file: 'x' }],
    [['-f=x'], { file: 'x' }],
    [['-f', '-'], { file: '-' }],
    [['--file', 'x', '--file', 'y'], { file: 'y' }],
    [['--tag', 'x', '-ty', '--tag=z'], { tag: ['x', 'y', 'z'] }],
    [['--no-cache'], { 'no-cache': true }],
    [['--no-cache=true'], { 'no-cache': true }],
    [['--no-cache=false'], { 'no-cache': false }],
    [['--no-cache', '--no-cache=false'], { 'no-cache': false }],
    [['-q', 'a'], { quiet: true, operands: ['a'] }],
    [['-q=false'], { quiet: false }],
    [['--jobs', '12'], { jobs: 12 }],
    [['-j2'], { jobs: 2 }],
    [['--progress=plain'], { progress: 'plain' }],
    [['a', '--file', 'x', 'b'], { file: 'x', operands: ['a', 'b'] }],
    [['-', 'a'], { operands: ['-', 'a'] }],
    [['a', '--', '--file', 'x'], { operands: ['a', '--file', 'x'], trailing: ['--file', 'x'] }],
    [['--file', '--', 'x'], { file: '--', operands: ['x'] }],
    [['--'], { operands: [] }],
    [['--', '--'], { operands: ['--'], trailing: ['--'] }],
  ])('%j', (words, want) => {
    const args = parse(...words);
    const got = {
      file: args.text('file'),
      tag: args.list('tag'),
      'no-cache': args.is('no-cache'),
      quiet: args.is('quiet'),
      jobs: args.count('jobs'),
      progress: args.text('progress'),
      operands: args.operands,
      trailing: args.trailing,
    };
    const empty = { file: undefined, tag: [], 'no-cache': false, quiet: false, jobs: undefined, progress: undefined };
    expect(got).toEqual({ ...empty, operands: [], trailing: [], ...want });
  });

  test('stops where the command begins', () => {
    const args = parseArgs(['--file', 'x', 'run', '--what', '--', 'y'], FLAGS, { help: '', stopAtOperand: true });
    expect(args.text('file')).toBe('x');
    expect(args.operands).toEqual(['run', '--what', '--', 'y']);
  });

  test('tells a flag that is absent from one that is off', () => {
    expect(parse('--no-cache=false').has('no-cache')).toBe(true);
    expect(parse().has('no-cache')).toBe(false);
  });

  test('asking for a flag that was not declared is our bug', () => {
    expect(() => parse().text('fiel')).toThrow(RangeError);
    expect(() => parse().is('toString')).toThrow(RangeError);
  });
});

describe('what is refused', () => {
  test.each<[string[], string]>([
    [['--fiel', 'x'], 'unknown flag --fiel; did you mean "--file"? see `ocibuild help x`'],
    [['--nocache'], 'unknown flag --nocache; did you mean "--no-cache"? see `ocibuild help x`'],
    [['--zzzzzz'], 'unknown flag --zzzzzz; see `ocibuild help x`'],
    [['--constructor'], 'unknown flag --constructor; see `ocibuild help x`'],
    [['-z'], 'unknown flag -z: got -z; see `ocibuild help x`'],
    [['-qf', 'x'], '-q takes no value, and short flags are not joined: want -q, got -qf; see `ocibuild help x`'],
    [['--file'], '--file needs a value: want --file FILE; see `ocibuild help x`'],
    [['-t'], '-t needs a value: want -t NAME; see `ocibuild help x`'],
    [
      ['--no-cache=yes'],
      '--no-cache is a switch: want --no-cache or --no-cache=false, got --no-cache=yes; see `ocibuild help x`',
    ],
    [['--progress', 'loud'], '--progress does not take this value: want tty, plain, got loud; see `ocibuild help x`'],
    ...['0', '-1', '1.5', '', 'x', '99999999999999999999', '0x10', '1e3'].map((value): [string[], string] => [
      [`--jobs=${value}`],
      `--jobs takes a whole number from 1: got ${value}; see \`ocibuild help x\``,
    ]),
  ])('%j', (words, message) => {
    expect(() => parse(...words)).toThrow(expect.objectContaining({ code: 'USAGE', message }));
  });

  test('nothing but BuildError USAGE comes out of any words', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom('--', '-', '--file', '-f', '--no-cache', '-j', '--jobs=3', '-q'),
    );
    fc.assert(
      fc.property(fc.array(word), (words) => {
        try {
          parse(...words);
        } catch (error) {
          expect(error).toBeInstanceOf(BuildError);
          expect((error as BuildError).code).toBe('USAGE');
        }
      }),
    );
  });

  test('every value arrives as it was written', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string()), (value, after) => {
        const args = parse(`--file=${value}`, '--tag', value, '--', ...after);
        expect([args.text('file'), args.list('tag'), args.trailing]).toEqual([value, [value], after]);
      }),
    );
  });
});
