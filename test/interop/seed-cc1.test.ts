import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerFor, hasProgram, mustRun, randomFrom, run, sha256, whyNot } from './seed/chain.ts';
import { CC1, CC1_PARTS, type Compilers, compile, makeCompilers } from './seed-cc1/compilers.ts';
import { disagreements } from './seed-cc1/machine-code.ts';
import { randomProgram } from './seed-cc1/random-programs.ts';
import { differences, programOf, readErrors, readTables } from './seed-cc1/tables.ts';

const skip = whyNot();
if (skip !== undefined) console.log(`seed-cc1: skipped: ${skip}`);
const gccMissing = hasProgram('gcc') ? undefined : 'gcc is not installed';
if (gccMissing !== undefined) console.log(`seed-cc1: comparisons with gcc: skipped: ${gccMissing}`);
const objdumpMissing = hasProgram('objdump') ? undefined : 'objdump is not installed';
if (objdumpMissing !== undefined) console.log(`seed-cc1: machine code: skipped: ${objdumpMissing}`);

const tables = readTables();

describe.skipIf(skip !== undefined)('cc1', () => {
  let made: Compilers;
  let folder: string;
  beforeAll(() => {
    made = makeCompilers();
    folder = made.chain.folder;
  });
  afterAll(() => made.chain.remove());

  /** The three cc1, those that are there. */
  const compilers = () => [made.byItself, made.byCc0, ...(made.byGcc === undefined ? [] : [made.byGcc])];

  test('compiles itself, and what comes out does again, to the same bytes', () => {
    mustRun(CC1, made.byItself, '-o', join(folder, 'again'), '-I', 'include', 'cc1.c', 'libc/libc.c');
    expect(sha256(join(folder, 'again'))).toBe(sha256(made.byItself));
  });

  test('is what answers.txt says', () => {
    expect(sha256(made.byCc0)).toBe(answerFor('first'));
    expect(sha256(made.byItself)).toBe(answerFor('cc1'));
  });

  test('the tables hold more than 700 rows', () => {
    expect(tables.reduce((sum, { rows }) => sum + rows.length, 0)).toBeGreaterThan(700);
    expect(readErrors().length).toBeGreaterThan(200);
  });

  test.each(tables)('$name: every row, and the same program from each cc1', (table) => {
    const source = made.chain.write(`${table.name}.c`, programOf(table));
    const [first, ...others] = compilers().map((cc1, index) => {
      const ran = compile(made, cc1, folder, `${table.name}${index}`, `${table.name}.c`);
      expect(ran, source).toMatchObject({ status: 0, stderr: '' });
      return join(folder, `${table.name}${index}`);
    });
    expect(differences(table, mustRun(folder, first!))).toEqual([]);
    for (const other of others) expect(sha256(other)).toBe(sha256(first!));
  });

  test.skipIf(gccMissing !== undefined).each(tables)('$name: gcc says the same of every row', (table) => {
    made.chain.write(`${table.name}-gcc.c`, programOf(table));
    const flags = ['-std=gnu89', '-fwrapv', '-fno-builtin', '-w'];
    mustRun(folder, 'gcc', ...flags, '-o', `${table.name}-gcc`, `${table.name}-gcc.c`);
    expect(differences(table, mustRun(folder, join(folder, `${table.name}-gcc`)))).toEqual([]);
  });

  test.skipIf(gccMissing !== undefined)(
    'gcc says the same of programs out of random numbers',
    () => {
      const unlike: string[] = [];
      for (let seed = 0; seed < 20; seed++) {
        made.chain.write('random.c', randomProgram(randomFrom(seed)));
        mustRun(folder, 'gcc', '-std=gnu89', '-fwrapv', '-w', '-o', 'random-gcc', 'random.c');
        expect(compile(made, made.byItself, folder, 'random', 'random.c')).toMatchObject({ status: 0, stderr: '' });
        const [ours, theirs] = ['random', 'random-gcc'].map((name) =>
          run(folder, join(folder, name)).stdout.split('\n'),
        );
        expect(theirs!.length).toBeGreaterThan(60);
        const line = ours!.findIndex((text, index) => text !== theirs![index]);
        if (line >= 0) unlike.push(`seed ${seed}: cc1 ${ours![line]}, gcc ${theirs![line]}`);
      }
      expect(unlike).toEqual([]);
    },
    120_000,
  );

  test('says what is wrong, and where, and leaves no program behind', () => {
    const wrong = readErrors().flatMap(({ code, expected, at }) => {
      made.chain.write('wrong.c', `${code.replaceAll('\\n', '\n')}\n`);
      return compilers().flatMap((cc1) => {
        const ran = compile(made, cc1, folder, 'wrong', 'wrong.c');
        const said = `wrong.c:${expected}\n`.replace(' at e.c:', ' at wrong.c:');
        const ok = ran.status === 1 && ran.stderr === said && ran.stdout === '' && !existsSync(join(folder, 'wrong'));
        return ok ? [] : [`${at}: ${code}: ${ran.status} ${ran.signal} ${ran.stderr}`];
      });
    });
    expect(wrong).toEqual([]);
  }, 120_000);

  test.each<[string, string[], string]>([
    ['no output', ['a.c'], 'cc1: usage: cc1 -o OUT [-D NAME[=TEXT]] [-I FOLDER] [-m] SOURCE.c ...\n'],
    [
      'an unknown option',
      ['-O2', '-o', 'x'],
      "cc1: '-O2' is no option; -o OUT -D NAME[=TEXT] -I FOLDER -m and sources are known\n",
    ],
    ['an option without its word', ['-o'], "cc1: '-o' needs a word behind it\n"],
    ['no such source', ['-o', 'x', 'gone.c'], "cc1: no file 'gone.c'\n"],
    ['no sources', ['-o', 'x'], 'cc1: no source defines the function _start\n'],
    ['an output that cannot be', ['-o', 'gone/x', 'start.c'], "cc1: 'gone/x' cannot be written\n"],
  ])('%s', (_, args, message) => {
    made.chain.write('start.c', 'void _start(void) { }\n');
    for (const cc1 of compilers()) expect(run(folder, cc1, ...args)).toMatchObject({ status: 1, stderr: message });
  });

  test('units have their own statics and macros, and share what is not static', () => {
    made.chain.write(
      'one.c',
      '#define N 4\nstatic int n = N; int shared = 10; int two(void); int main(void) { return n + two() + shared; }\n',
    );
    made.chain.write(
      'two.c',
      '#ifdef N\n#error N is known\n#endif\nstatic int n = 1; extern int shared; int two(void) { return n + shared++; }\n',
    );
    for (const cc1 of compilers()) {
      mustRun(folder, cc1, '-o', 'units', '-I', `${CC1}include`, '-DX=1', 'one.c', 'two.c', `${CC1}libc/libc.c`);
      expect(run(folder, join(folder, 'units')).status).toBe(26);
    }
  });

  test('-m prints where everything is', () => {
    made.chain.write('map.c', 'static int here = 5; int main(void) { return here; }\n');
    const lines = mustRun(
      folder,
      made.byItself,
      '-m',
      '-o',
      'map',
      '-I',
      `${CC1}include`,
      'map.c',
      `${CC1}libc/libc.c`,
    ).split('\n');
    expect(lines).toContainEqual(expect.stringMatching(/^00[0-9a-f]{6} main$/));
    expect(lines).toContainEqual(expect.stringMatching(/^00[0-9a-f]{6} here$/));
  });

  test('a name that two units define is a fault that names both places', () => {
    made.chain.write('one.c', 'int a;\nint both = 1;\n');
    made.chain.write('two.c', 'int both = 2;\n');
    const ran = run(folder, made.byItself, '-o', 'units', 'one.c', 'two.c');
    expect(ran).toMatchObject({ status: 1, stderr: "two.c:1: 'both' is defined already, at one.c:2\n" });
  });

  test('what is nearly too deep compiles, also where the stack has 2 MiB', () => {
    const many = (text: string) => text.repeat(390);
    const deep = [
      `int f(int x) { return x${' + x'.repeat(2900)}; }`,
      `int f(int x) { return ${many('(')}x${many(')')}; }`,
      `int f(int x) { ${many('{')}x;${many('}')} return 0; }`,
      `int f(int x) { ${many('if (x == 5) x = 3; else ')}x = 1; return 0; }`,
      `int f(int x) { return ${many('x ? 1 : ')}x; }`,
      `#define F(x) x + 1\nint f(void) { return ${many('F(')}1${many(')')}; }`,
      `int a${many('[1]')} = ${many('{')}5${many('}')};`,
      `struct ${many('{ struct ')}{ int x; ${many('} y; ')}} z;`,
    ];
    for (const source of deep) {
      made.chain.write('deep.c', `${source}\nint main(void) { return 0; }\n`);
      for (const cc1 of compilers()) {
        const shell = `ulimit -s 2048; exec "$0" -o deep -I ${CC1}include deep.c ${CC1}libc/libc.c`;
        expect(run(folder, 'sh', '-c', shell, cc1), source).toMatchObject({ status: 0, stderr: '' });
      }
    }
  });

  test('what is too deep is a fault, not a crash', () => {
    const many = (n: number, text: string) => text.repeat(n);
    const deep = {
      parentheses: `int x = ${many(100_000, '(')}1${many(100_000, ')')};`,
      blocks: `void f(void) ${many(100_000, '{')}${many(100_000, '}')}`,
      operators: `int f(int x) { return x${many(100_000, ' + x')}; }`,
      assignments: `int f(int x) { return ${many(100_000, 'x = ')}1; }`,
      choices: `int f(int x) { return ${many(100_000, 'x ? 1 : ')}1; }`,
      signs: `int x = ${many(100_000, '- ')}1;`,
      pointers: `int ${many(100_000, '*')}x;`,
      arrays: `int x${many(100_000, '[1]')};`,
      functions: `int ${many(100_000, '(')}x${many(100_000, ')')};`,
      braces: `int x = ${many(100_000, '{')}`,
      structs: many(100_000, 'struct { '),
      includes: '#include "wrong.c"\n',
      conditions: `#if ${many(100_000, '(')}1\n#endif`,
      choicesOfConditions: `#if ${many(100_000, '1 ? 1 : ')}1\n#endif`,
      macros: `#define F(x) x\nint x = ${many(1000, 'F(')}1${many(1000, ')')};`,
      calls: `int f(); int g(void) { return ${many(100_000, 'f(')}${many(100_000, ')')}; }`,
      elses: `void f(int x) { ${many(100_000, 'if (x) ; else ')} ; }`,
      labels: `void f(void) { ${many(100_000, 'if (1) ')} ; }`,
    };
    for (const [name, source] of Object.entries(deep)) {
      made.chain.write('wrong.c', `${source}\n`);
      for (const cc1 of compilers()) {
        const ran = compile(made, cc1, folder, 'wrong', 'wrong.c');
        expect(ran, `${name} ${ran.stderr}`).toMatchObject({ status: 1, signal: null });
        expect(ran.stderr).toMatch(/^wrong\.c:\d+: .*(deep|many|nested|memory)/);
      }
    }
  }, 120_000);

  test('changed sources end with a program or a fault, never in a crash or a hang', () => {
    const random = randomFrom(1);
    const texts = [
      ...tables.map(programOf),
      ...['12-generator.c', '16-declarations.c'].map((name) => readFileSync(CC1 + name, 'latin1')),
    ];
    const pieces = [
      '(',
      ')',
      '{',
      '}',
      '[',
      ']',
      ';',
      ',',
      '*',
      '&',
      '=',
      '#',
      '##',
      '"',
      "'",
      '\\',
      '\n',
      '0x',
      '1e',
      '...',
      'int ',
      'struct ',
      '\0',
      '\xff',
      '?',
      ':',
      '/*',
      'sizeof ',
      '#if 1\n',
      '#define a a\n',
      '9999999999',
      '->',
      'static ',
    ];
    const failures: string[] = [];
    for (let round = 0; round < 300; round++) {
      let text = texts[random(texts.length)]!;
      // a part of it, so that most of the rounds come to the changes soon
      const from = random(text.length);
      if (random(2) === 0) text = text.slice(0, from);
      for (let change = 1 + random(4); change > 0; change--) {
        const at = random(text.length);
        const piece = pieces[random(pieces.length)]!;
        const gone = random(3) === 0 ? random(40) : random(2);
        text = text.slice(0, at) + piece + text.slice(at + gone);
      }
      made.chain.write('changed.c', Buffer.from(text, 'latin1'));
      for (const cc1 of [made.byItself, made.byCc0]) {
        const ran = compile(made, cc1, folder, 'changed', 'changed.c');
        const fine = ran.status === 0 || (ran.status === 1 && /^\S+:\d+: .+\n$/.test(ran.stderr));
        if (!fine) failures.push(`round ${round}: ${ran.status} ${ran.signal} ${ran.stderr.slice(0, 200)}`);
      }
    }
    expect(failures).toEqual([]);
  }, 300_000);

  test.skipIf(objdumpMissing !== undefined)('what stands beside machine code is what objdump reads in it', () => {
    const files = [...CC1_PARTS, 'libc/start.c'].map((name) => ({ name, text: readFileSync(CC1 + name, 'latin1') }));
    const { checked, wrong } = disagreements(files);
    expect(wrong).toEqual([]);
    expect(checked).toBeGreaterThan(150);
  });
});
