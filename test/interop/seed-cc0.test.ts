import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CC0_CHECK,
  type Chain,
  GCC_STANDIN,
  hasProgram,
  makeChain,
  mustRun,
  PRINT,
  randomFrom,
  run,
  whyNoGcc,
  whyNot,
} from './seed/chain.ts';
import { PROGRAMS, WRONG, WRONG_STATEMENTS } from './seed/programs.ts';

const skip = whyNot();
if (skip !== undefined) console.log(`seed-cc0: skipped: ${skip}`);
const noGcc = whyNoGcc();
if (noGcc !== undefined) console.log(`seed-cc0: comparing with gcc: skipped: ${noGcc}`);

const noReadelf = hasProgram('readelf') ? undefined : 'readelf is not installed';
if (noReadelf !== undefined) console.log(`seed-cc0: its header: skipped: ${noReadelf}`);

const ARGUMENTS = ['one', 'two'];

describe.skipIf(skip !== undefined)('cc0', () => {
  let chain: Chain;
  beforeAll(() => {
    chain = makeChain();
  });
  afterAll(() => chain.remove());

  /** Compiles with cc0 and with gcc, runs both; gives what each printed. */
  function both(...sources: string[]): string[] {
    mustRun(chain.folder, chain.cc0, 'by-cc0', ...sources);
    mustRun(chain.folder, GCC_STANDIN, join(chain.folder, 'by-gcc'), ...sources);
    return ['by-cc0', 'by-gcc'].map((name) => mustRun(chain.folder, join(chain.folder, name), ...ARGUMENTS));
  }

  describe.skipIf(noGcc !== undefined)('does what gcc does', () => {
    const printed: string[][] = [];
    beforeAll(() => {
      for (const output of both(PRINT, chain.write('all.c', allPrograms()))) printed.push(output.split('\x01'));
    });
    test.each(PROGRAMS.map(([name], index) => [name, index] as const))('%s', (_, index) => {
      expect(printed[0]![index]).toBe(printed[1]![index]);
      expect(printed[0]![index]).not.toBe('');
    });
    test('all of them ran', () => {
      expect(printed.map((parts) => parts.length)).toEqual([PROGRAMS.length + 1, PROGRAMS.length + 1]);
    });
  });

  test.skipIf(noGcc !== undefined)('600 random expressions have the values gcc gives them', () => {
    const [ours, theirs] = both(PRINT, chain.write('random.c', randomProgram(600)));
    expect(ours!.split('\n').length).toBe(601);
    expect(ours!.split('\n')).toEqual(theirs!.split('\n'));
  });

  test('the program its recipe runs', () => {
    mustRun(chain.folder, chain.cc0, 'check', CC0_CHECK);
    expect(mustRun(chain.folder, join(chain.folder, 'check'))).toBe('cc0 compiles\n');
  });

  test.each([0, 1, 41, 255, 256, -1])('the result of main, %i, is the exit status', (result) => {
    const source = chain.write('status.c', `long main(long argc, char **argv) { return ${result}; }`);
    mustRun(chain.folder, chain.cc0, 'status', source);
    expect(run(chain.folder, join(chain.folder, 'status')).status).toBe(result & 255);
  });

  test('the same source gives the same bytes; a later run leaves nothing of an earlier one', () => {
    const large = chain.write(
      'large.c',
      `char t[] = "${'x'.repeat(9999)}"; long main(long argc, char **argv) { return 0; }`,
    );
    mustRun(chain.folder, chain.cc0, 'twice', CC0_CHECK);
    const first = readFileSync(join(chain.folder, 'twice'));
    mustRun(chain.folder, chain.cc0, 'twice', large);
    mustRun(chain.folder, chain.cc0, 'twice', CC0_CHECK);
    expect(readFileSync(join(chain.folder, 'twice')).equals(first)).toBe(true);
  });

  test.skipIf(noReadelf !== undefined)('what it writes is a program readelf has nothing to say against', () => {
    mustRun(chain.folder, chain.cc0, 'check', CC0_CHECK);
    const ran = run(chain.folder, 'readelf', '-hlW', 'check');
    expect(ran.stderr).toBe('');
    expect([...ran.stdout.matchAll(/^ +LOAD .* ([RWE ]{3}) 0x1000$/gm)].map((found) => found[1])).toEqual([
      'R E',
      'R  ',
      'RW ',
      'RW ',
    ]);
  });

  /** Runs cc0 on what it must refuse; gives the error after `FILE:`. */
  function refused(source: string): string {
    const file = chain.write('wrong.c', Buffer.from(source, 'latin1'));
    rmSync(join(chain.folder, 'never'), { force: true });
    const ran = run(chain.folder, chain.cc0, 'never', file);
    expect(ran).toMatchObject({ status: 1, signal: null, stdout: '' });
    expect(existsSync(join(chain.folder, 'never'))).toBe(false);
    const [, error] = /^.*?wrong\.c:(.*)\n$/s.exec(ran.stderr) ?? [];
    return error ?? `another form of error: ${ran.stderr}`;
  }

  test.each(WRONG)('refuses %j', (source, error) => {
    expect(refused(source)).toBe(error);
  });

  test.each(WRONG_STATEMENTS)('refuses the statement %j', (statement, error) => {
    expect(refused(inFunction(statement))).toBe(`9: ${error}`);
  });

  test('the function around those statements is right', () => {
    mustRun(chain.folder, chain.cc0, 'right', chain.write('right.c', inFunction('n = v.a;')));
  });

  test('errors name the file they are in', () => {
    const files = [chain.write('1.c', 'long a;\n'), chain.write('2.c', '\nlong b;\nlong a;')];
    expect(run(chain.folder, chain.cc0, 'never', ...files).stderr).toBe(`${files[1]}:3: declared twice: a\n`);
    const open = chain.write('3.c', 'long main(long argc, char **argv) {');
    const rest = chain.write('4.c', 'return 3; }');
    mustRun(chain.folder, chain.cc0, 'over', open, rest);
    expect(run(chain.folder, join(chain.folder, 'over')).status).toBe(3);
  });

  const MAIN = 'long main(long argc, char **argv) { ';
  test.each<[string, (count: number) => string]>([
    ['(', (count) => `${MAIN}return ${'('.repeat(count)}`],
    ['- ', (count) => `${MAIN}return ${'- '.repeat(count)}1; }`],
    ['argc = ', (count) => `${MAIN}${'argc = '.repeat(count)}1; }`],
    ['1 ? ', (count) => `${MAIN}${'1 ? '.repeat(count)}`],
    ['1 ? 1 : ', (count) => `${MAIN}${'1 ? 1 : '.repeat(count)}1; }`],
    ['sys(', (count) => `${MAIN}${'sys('.repeat(count)}`],
    ['{', (count) => `${MAIN}${'{'.repeat(count)}`],
    ['if (1) ', (count) => `${MAIN}${'if (1) '.repeat(count)};}`],
    ['for (;;) ', (count) => `${MAIN}${'for (;;) '.repeat(count)};}`],
    ['switch (1) ', (count) => `${MAIN}${'switch (1) '.repeat(count)};}`],
  ])('350000 times %j is nested too deeply; 2000 times is not', (_, source) => {
    expect(refused(source(350_000))).toBe('1: nested too deeply');
    const file = chain.write('deep.c', source(2000));
    expect(run(chain.folder, chain.cc0, 'deep', file).stderr).not.toMatch(/nested/);
  });

  test.each<[string, string, string]>([
    ['code', `${MAIN}char c = 0; ${'c++;'.repeat(600_000)}`, '1: more than 16 MiB of code'],
    ['source', ' '.repeat(2 ** 22), '0: larger than 4 MiB'],
    ['names', `long n${Array.from({ length: 450_000 }, (_, i) => i).join(',n')};`, '1: too many names'],
    ['data', 'long a[2000000] = { 1 };\nlong b[200000] = { 1 };', '2: more than 16 MiB of data'],
  ])('too much: %s', (_, source, error) => {
    expect(refused(source)).toBe(error);
  });

  test('too much: strings', () => {
    const text = `"${'x'.repeat(60_000)}",`.repeat(60);
    const files = [1, 2, 3, 4, 5].map((i) => chain.write(`${i}.c`, `char *t${i}[] = { ${text} };`));
    expect(run(chain.folder, chain.cc0, 'never', ...files).stderr).toBe(`${files[4]}:1: more than 16 MiB of strings\n`);
  });

  test.each<[string, string[], string]>([
    ['no arguments', [], 'usage: cc0 OUT A.c ...\n'],
    ['no source', ['out'], 'usage: cc0 OUT A.c ...\n'],
    ['a source that is not there', ['never', 'nowhere.c'], 'nowhere.c:0: cannot be read\n'],
    ['a folder for a source', ['never', '/'], '/:0: cannot be read\n'],
    ['an output that cannot be opened', ['no/where', CC0_CHECK], 'the output cannot be written\n'],
    ['a disk without room', ['/dev/full', CC0_CHECK], 'the output cannot be written\n'],
  ])('fails on %s', (_, args, error) => {
    expect(run(chain.folder, chain.cc0, ...args)).toEqual({ status: 1, signal: null, stdout: '', stderr: error });
  });

  test('whatever it is given, it ends; and says where it went wrong', () => {
    const random = randomFrom(3);
    const good = Buffer.from(allPrograms(), 'latin1');
    const words = good.toString('latin1').match(/\s+|\w+|"[^"\n]*"|'[^'\n]*'|[-+*/%&|^=<>!]{1,3}|./g)!;
    const any = () => words[random(words.length)]!;
    const makers = [
      () => Buffer.from(Array.from({ length: random(200) }, () => random(256))),
      () => good.subarray(0, random(good.length)),
      () => Buffer.from(good.map((byte) => (random(4000) === 0 ? random(128) : byte))),
      () => Buffer.from(words.map((word) => (random(3000) === 0 ? any() : word)).join(''), 'latin1'),
      () => Buffer.from(words.filter(() => random(2000) !== 0).join(''), 'latin1'),
      () => Buffer.from(`long main(long a, char **b) { ${Array.from({ length: random(60) }, any).join(' ')}`, 'latin1'),
    ];
    const tally = { 0: 0, 1: 0 };
    for (let round = 0; round < 400; round++) {
      const source = makers[round % makers.length]!();
      const ran = run(chain.folder, chain.cc0, 'fuzz', PRINT, chain.write('fuzz.c', source));
      if (ran.status !== 0 && ran.status !== 1)
        expect.unreachable(`${ran.signal}: ${JSON.stringify(source.toString('latin1'))}`);
      if (ran.status === 1) expect(ran.stderr).toMatch(/^\S+\.c:\d+: .+\n$/);
      tally[ran.status as 0 | 1]++;
    }
    expect(Math.min(tally[0], tally[1])).toBeGreaterThan(0);
  });
});

/** All programs as one: a function each, a byte 1 printed after each. */
function allPrograms(): string {
  const parts = PROGRAMS.map(([, declarations, body], index) => {
    // What the programs declare is told apart by the program's number.
    const names = new Set([...declarations.matchAll(/[A-Za-z_]\w*/g)].map(([name]) => name));
    for (const word of KEPT) names.delete(word);
    const own = (text: string) =>
      text.replace(/"(?:\\.|[^"])*"|'(?:\\.|[^'])*'|(?<![\w\\])[A-Za-z_]\w*/g, (word) =>
        names.has(word) && word.length < 60 ? `${word}_${index}` : word,
      );
    return `${own(declarations)}\nvoid program_${index}(long argc, char **argv)\n{\n${own(body)}\n}\n`;
  });
  const calls = PROGRAMS.map((_, index) => `  program_${index}(argc, argv); out("\\x01");`);
  return `${parts.join('')}long main(long argc, char **argv)\n{\n${calls.join('\n')}\n  return 0;\n}\n`;
}

const KEPT =
  'long char void struct enum static return if else for while do switch case default break continue sizeof show out sys argc argv'.split(
    ' ',
  );

/** One expression a line, of six variables, calls, an array and a struct; nothing that C leaves open. */
function randomProgram(count: number): string {
  const random = randomFrom(4);
  const pick = <T>(...of: T[]): T => of[random(of.length)]!;
  const leaf = () =>
    pick(
      'a',
      'b',
      'c',
      'd',
      'x',
      'y',
      't[a & 7]',
      's.v',
      'p->v',
      'p->w',
      'k[b & 3]',
      `${random(200)}`,
      `${random(2 ** 31)}L`,
      `${random(2 ** 31)}L * 4294967291L`,
      'K',
      "'z'",
    );
  const expression = (depth: number): string => {
    if (depth === 0 || random(6) === 0) return leaf();
    const one = () => expression(depth - 1);
    const kind = random(14);
    if (kind < 5) return `(${one()} ${pick('+', '-', '*', '&', '|', '^')} ${one()})`;
    if (kind === 5) return `(${one()} ${pick('/', '%')} ((${one()} & 1023) + 1))`;
    if (kind === 6) return `((long)${one()} ${pick('<<', '>>')} (${one()} & 31))`;
    if (kind === 7) return `(long)(${one()} ${pick('==', '!=', '<', '<=', '>', '>=')} ${one()})`;
    if (kind === 8) return `(long)(${one()} ${pick('&&', '||')} ${one()})`;
    if (kind === 9) return `(${one()} ? (long)${one()} : (long)${one()})`;
    if (kind === 10) return pick(`(-(long)${one()})`, `(~(long)${one()})`, `(long)!${one()}`, `(long)(char)${one()}`);
    if (kind === 11) return `f(${one()}, ${one()})`;
    if (kind === 12) return `(p + (${one()} & 1))->v`;
    return `t[${one()} & 7]`;
  };
  const statements = Array.from({ length: count }, () => {
    const target = pick('a', 'b', 'c', 'd', 't[3]', 'p->w', 's.v');
    const assign = pick('=', '+=', '-=', '^=', '|=', '&=');
    const value = expression(4);
    return `  show(${value}); ${target} ${assign} (long)${expression(2)}; x = (char)a; y++; out("\\n");`;
  });
  return `enum { K = -77 };
struct S { long v; char w; };
long t[8] = { 1, -1, 1000003, 7, -9, 1L << 62, 0, 12345 };
char k[4] = { 1, -128, 127, 90 };
struct S s; struct S pair[2]; char y = 100;
long f(long g, long h) { return g - (h << 1) ^ h >> 3; }
long main(long argc, char **argv)
{
  long a = argc, b = -5, c = 1L << 33, d = 0;
  char x = 'x';
  struct S *p = pair;
  pair[1].v = -3; p->v = 99; p->w = 5; s.v = 1234567;
${statements.join('\n')}
  return 0;
}
`;
}

/** A statement on line 9 of a program that is right but for it. */
function inFunction(statement: string): string {
  return `struct S { long a; char b[4]; };
enum { K };
void nothing(void) { }
struct Unknown *u;
long main(long argc, char **argv)
{
  long n = 1; char c = 2; long *p = 0; char *s = 0; struct S v; struct S *q = 0; long t[3];
  p = &n; s = &c; q = &v; t[0] = 1;
${statement}
  return 0;
}
`;
}
