import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { annotate, assemble, TABLE } from './seed/assembler.mjs';
import {
  ASM_TEXT,
  answerFor,
  BOOTSTRAP,
  CC0_TEXTS,
  type Chain,
  HEX0_TEXT,
  hasProgram,
  makeChain,
  mustRun,
  randomFrom,
  run,
  SAME_TEXT,
  sha256,
  whyNot,
} from './seed/chain.ts';
import { compareWithObjdump, type Written } from './seed/disassembly.ts';

const skip = whyNot();
if (skip !== undefined) console.log(`seed-asm: skipped: ${skip}`);
const noObjdump = hasProgram('objdump') ? undefined : 'objdump is not installed';
if (noObjdump !== undefined) console.log(`seed-asm: comparing with objdump: skipped: ${noObjdump}`);

describe.skipIf(skip !== undefined)('asm', () => {
  let chain: Chain;
  beforeAll(() => {
    chain = makeChain();
  });
  afterAll(() => chain.remove());
  const out = (name: string) => readFileSync(join(chain.folder, name));

  test('is what answers.txt says, by hex0 and by itself and by the second assembler', () => {
    mustRun(chain.folder, chain.asm, 'again', ASM_TEXT);
    const makers = [out('asm'), out('again'), assemble([ASM_TEXT]).bytes];
    expect(makers.map((bytes) => sha256(bytes))).toEqual(Array(3).fill(answerFor('asm')));
  });

  test('the bytes and addresses in asm.hex are those annotate writes', () => {
    expect(annotate(ASM_TEXT)).toBe(readFileSync(ASM_TEXT, 'latin1'));
  });

  test('same and cc0 are what answers.txt says, also by the second assembler', () => {
    expect([sha256(chain.same), sha256(assemble([SAME_TEXT]).bytes)]).toEqual(Array(2).fill(answerFor('same')));
    expect([sha256(chain.cc0), sha256(assemble(CC0_TEXTS).bytes)]).toEqual(Array(2).fill(answerFor('cc0')));
  });

  test('bootstrap/README.md has their lines, bytes and sha256 as they are', () => {
    const table = readFileSync(`${BOOTSTRAP}README.md`, 'utf8');
    const lines = (files: readonly string[]) =>
      files.reduce((sum, file) => sum + readFileSync(file, 'latin1').split('\n').length - 1, 0);
    for (const [name, program, files] of [
      ['hex0', chain.hex0, [HEX0_TEXT]],
      ['asm', chain.asm, [ASM_TEXT]],
      ['same', chain.same, [SAME_TEXT]],
      ['cc0', chain.cc0, CC0_TEXTS],
    ] as const) {
      const row = table.split('\n').find((line) => line.startsWith(`| [${name}](`));
      const cells = row?.split('|').map((cell) => cell.trim());
      expect(cells?.slice(4, 7)).toEqual([
        String(lines(files)),
        String(readFileSync(program).length),
        sha256(program).slice(0, 16),
      ]);
    }
  });

  test.skipIf(noObjdump !== undefined).each([
    ['asm.hex', [ASM_TEXT], 600],
    ['same.s', [SAME_TEXT], 60],
    ['cc0', CC0_TEXTS, 2000],
  ])('%s: objdump reads in the bytes what every line says', (_, files, atLeast) => {
    const { code, lookUp } = instructionsOf(files);
    expect(code.length).toBeGreaterThan(atLeast);
    expect(compareWithObjdump(code, lookUp)).toEqual([]);
  });

  test.skipIf(noObjdump !== undefined)('every instruction of the table, with every register', () => {
    const text = everyInstruction();
    const source = chain.write('every.s', text);
    mustRun(chain.folder, chain.asm, 'every', source);
    const { code, lookUp } = instructionsOf([source]);
    expect(out('every').equals(Buffer.from(code.flatMap((one) => one.bytes)))).toBe(true);
    expect(new Set(code.map((one) => one.text.split(' ')[0])).size).toBe(
      new Set(TABLE.map((row) => row.mnemonic)).size,
    );
    expect(compareWithObjdump(code, lookUp)).toEqual([]);
  });

  test('a wrong byte would be seen', () => {
    const { code, lookUp } = instructionsOf([SAME_TEXT]);
    const changed = code.map((one, index) =>
      index === 9 ? { ...one, bytes: one.bytes.map((byte, i) => (i === 2 ? byte ^ 8 : byte)) } : one,
    );
    expect(compareWithObjdump(changed, lookUp)).toHaveLength(1);
  });

  test.each<[string, string, string]>([
    ['data', 'db 1, -1, 255, \'a\', "bc", "", 0x10\ndw 65535, -32768\ndd -1, 2147483647\ndq -1, x\nx = 3 # late\n', ''],
    ['strings with signs', 'db "a;#,\'"', '613b232c27'],
    ['characters', "db '#', ';', ''', '\"', ' '", '233b272220'],
    ['sums', 'a = 5 - 2 + 1\ndb a, a - 1, -a + a, a+a-a', '04030004'],
    ['labels before and after', 'a: dd b\nb: dd a - b', '0400400' + '0fcffffff'],
    ['labels that begin with a dot', 'a:\n.x: db 1\ndd .x\nb:\n.x: dd .x\n', '010000400005004000'],
    ['bytes before ; are passed over', ' 12 Ab ; db 1\n;db 2\n 00;\n', '0102'],
    ['what only looks like bytes', 'add: db add - add', '00'],
    ['blanks or none', '\tdb\t1 ,2#x\nmov rax,[ rbx + 8 ]', '010248' + '8b8308000000'],
    ['no newline at the end', 'ret', 'c3'],
    ['a jump back and forth', 'x: jmp y\ny: je x', 'e9000000000f84f5ffffff'],
    ['nothing', '', ''],
  ])('assembles %s', (_, text, hex) => {
    if (text.includes('late')) {
      const early = text.replace('dq -1, x\nx = 3 # late', 'x = 3\ndq -1, x');
      mustRun(chain.folder, chain.asm, 'out', chain.write('in.s', early));
      expect(out('out').toString('hex')).toBe(
        `01ffff6162631` + `0ffff0080ffffffffffffff7f${'f'.repeat(16)}0300000000000000`,
      );
      return;
    }
    const source = chain.write('in.s', text);
    mustRun(chain.folder, chain.asm, 'out', source);
    expect(out('out').toString('hex')).toBe(hex);
    expect(assemble([source]).bytes.toString('hex')).toBe(hex);
  });

  test('several files are one program; dots count across them', () => {
    const files = [chain.write('a.s', 'a:\n.x: jmp c'), chain.write('b.s', 'jmp .x\nc: jmp a')];
    mustRun(chain.folder, chain.asm, 'out', ...files);
    expect(out('out').equals(assemble(files).bytes)).toBe(true);
    const wrong = chain.write('c.s', '\n  mov rax, nowhere\n');
    const ran = run(chain.folder, chain.asm, 'never', ...files, wrong);
    expect(ran).toMatchObject({ status: 1, stderr: `${wrong}:2: this name is not defined: nowhere\n` });
  });

  test.each<[string, string]>([
    ['foo', '1: there is no such instruction'],
    ['\n\nmov rax', '3: there is no such instruction'],
    ['mov al, bl', '1: there is no such instruction'],
    ['mov rax, bl', '1: this name is not defined: bl'],
    ['mov [rax], 8, 9', '1: this does not belong here'],
    ['mov [rax], [rbx]', '1: there is no such instruction'],
    ['mov byte [rax], rcx', '1: there is no such instruction'],
    ['mov byte rax, 1', '1: [ is wanted here'],
    ['mov rax, [al]', '1: an address is in a register of 64 bits'],
    ['mov rax, [rbx', '1: ] is wanted here'],
    ['mov rax, [rbx 8]', '1: ] is wanted here'],
    ['mov rax, [rbx+]', '1: a value is wanted here'],
    ['mov rax, [rbx+rcx]', '1: this is a register: rcx'],
    ['shl rax, al', '1: there is no such instruction'],
    ['shl rax, 64', '1: the value does not fit'],
    ['shl rax, -1', '1: the value does not fit'],
    ['movabs32 rax, 1', '1: there is no such instruction'],
    ['a_long_mnemonic rax', '1: there is no such instruction'],
    ['ret ret', '1: there is no such instruction'],
    ['ret,', '1: a value is wanted here'],
    ['x: y: ret', '1: a value is wanted here'],
    ['db', '1: a value is wanted here'],
    ['db 1,', '1: a value is wanted here'],
    ['db 1 2', '1: this does not belong here'],
    ['db "abc', '1: the string does not end'],
    ['dw "ab"', '1: a value is wanted here'],
    ["db 'a", "1: a character stands between two '"],
    ["db '", "1: a character stands between two '"],
    ['db 256', '1: the value does not fit'],
    ['db -129', '1: the value does not fit'],
    ['dw 65536', '1: the value does not fit'],
    ['dd 2147483648', '1: the value does not fit'],
    ['mov rax, 0x80000000', '1: the value does not fit'],
    ['mov rax, [rbx-2147483649]', '1: the value does not fit'],
    ['add rax, 99999999999', '1: the value does not fit'],
    ['db 0x', '1: no number, or one that is too large'],
    ['dq 0x10000000000000000', '1: no number, or one that is too large'],
    ['dq 99999999999999999999', '1: no number, or one that is too large'],
    ['db 12ab', '1: this does not belong here'],
    ['db 1 + + 2', '1: a value is wanted here'],
    ['x = ', '1: a value is wanted here'],
    ['x = 1 ret', '1: this does not belong here'],
    ['db x', '1: this name is not defined: x'],
    ['db x\nx = 1', '1: this constant is used above the line that defines it: x'],
    ['a:\n.x: ret\nb: jmp .x', '3: this name is not defined: .x'],
    ['x: ret\nx: ret', '2: this name is there twice: x'],
    ['x = 1\nx: ret', '2: this name is there twice: x'],
    ['rax: ret', '1: this is a register: rax'],
    ['al = 1', '1: this is a register: al'],
    ['\n12 34\n', '2: a name is wanted here'],
    ['a2345678901234567890123456789012: ret', '1: a name of more than 31 characters'],
    ['-x', '1: a name is wanted here'],
    [': ret', '1: a name is wanted here'],
    ['\0', '1: a name is wanted here'],
    ['ret \xe4', '1: a value is wanted here'],
    ['ret\r', '1: a value is wanted here'],
  ])('refuses %j', (text, error) => {
    const source = chain.write('wrong.s', Buffer.from(text, 'latin1'));
    const ran = run(chain.folder, chain.asm, 'never', source);
    expect(ran).toEqual({ status: 1, signal: null, stdout: '', stderr: `${source}:${error}\n` });
    expect(existsSync(join(chain.folder, 'never'))).toBe(false);
    expect(() => assemble([source])).toThrow(`${source}:${error.split(':')[0]}: `);
  });

  test.each<[string, (chain: Chain) => string[], RegExp]>([
    ['no arguments', () => [], /^usage: asm OUT IN \.\.\.\n$/],
    ['a source that is not there', () => ['never', 'nowhere.s'], /^nowhere\.s:0: cannot be read\n$/],
    ['a folder for a source', () => ['never', '/'], /^\/:0: cannot be read\n$/],
    ['an output that cannot be opened', () => ['no/where', SAME_TEXT], /^the output cannot be written\n$/],
    ['a disk without room', () => ['/dev/full', SAME_TEXT], /^the output cannot be written\n$/],
    ['too long a source', ({ write }) => ['never', write('long.s', '#'.repeat(2 ** 22))], /:0: larger than 4 MiB\n$/],
    [
      'too many names',
      ({ write }) => [
        'never',
        write(
          'names.s',
          many((i) => `x${i} = ${i}\n`),
        ),
      ],
      /:16385: more than 16384 names\n$/,
    ],
    [
      'too much output',
      ({ write }) => ['never', write('out.s', 'dq 1,2,3,4,5,6,7,8\n'.repeat(17_000))],
      /: more than 1 MiB of output\n$/,
    ],
  ])('fails on %s', (_, args, error) => {
    const ran = run(chain.folder, chain.asm, ...args(chain));
    expect(ran).toMatchObject({ status: 1, signal: null });
    expect(ran.stderr).toMatch(error);
    expect(existsSync(join(chain.folder, 'never'))).toBe(false);
  });

  test('whatever it is given, it ends; and says where it went wrong', () => {
    const random = randomFrom(2);
    const good = [...CC0_TEXTS, SAME_TEXT, ASM_TEXT].flatMap((file) => readFileSync(file, 'latin1').split('\n'));
    const tally = { 0: 0, 1: 0 };
    for (let round = 0; round < 250; round++) {
      const lines = Array.from({ length: 1 + random(6) }, () => good[random(good.length)]!);
      const text = Buffer.from(lines.join('\n'), 'latin1');
      for (let i = random(4); i > 0 && text.length > 0; i--) text[random(text.length)] = random(256);
      const ran = run(
        chain.folder,
        chain.asm,
        'out',
        chain.write('fuzz.s', random(3) === 0 ? text.subarray(0, random(text.length + 1)) : text),
      );
      expect([0, 1], `${ran.signal} ${text.toString('latin1')}`).toContain(ran.status);
      if (ran.status === 1) expect(ran.stderr).toMatch(/fuzz\.s:\d+: /);
      tally[ran.status as 0 | 1]++;
    }
    expect(Math.min(tally[0], tally[1])).toBeGreaterThan(9);
  });
});

describe.skipIf(skip !== undefined)('same', () => {
  let chain: Chain;
  beforeAll(() => {
    chain = makeChain();
  });
  afterAll(() => chain.remove());

  test.each<[string, string, number, string]>([
    ['', '', 0, ''],
    ['abc', 'abc', 0, ''],
    ['abc', 'abd', 1, 'same: the files differ at byte 2\n'],
    ['abc', 'abcd', 1, 'same: the files differ at byte 3\n'],
    ['ab\0', 'ab', 1, 'same: the files differ at byte 2\n'],
    ['', '\0', 1, 'same: the files differ at byte 0\n'],
    ['x'.repeat(70_000), `${'x'.repeat(69_999)}y`, 1, 'same: the files differ at byte 69999\n'],
  ])('%# says whether two files are the same', (a, b, status, stderr) => {
    const files = [chain.write('a', a), chain.write('b', b)] as const;
    expect(run(chain.folder, chain.same, ...files)).toMatchObject({ status, stderr });
    expect(run(chain.folder, chain.same, files[1], files[0])).toMatchObject({ status, stderr });
  });

  test('fails on a file that is not there, and without arguments', () => {
    expect(run(chain.folder, chain.same, 'a', 'nowhere').status).toBe(1);
    expect(run(chain.folder, chain.same).stderr).toBe('usage: same A B\n');
  });
});

function many(line: (i: number) => string): string {
  return Array.from({ length: 16_385 }, (_, i) => line(i)).join('');
}

/** The lines of a program that are instructions, and what its names stand for in each. */
function instructionsOf(files: readonly string[]) {
  const { lines, symbols } = assemble(files);
  const code: (Written & { scope: string })[] = [];
  let scope = '';
  for (const { file, line, text, address, bytes } of lines) {
    const said = text
      .replace(/^[0-9A-Fa-f \t]*;/, '')
      .replace(/#(?!').*$/, '')
      .trim();
    const label = /^([\w.]+):\s*/.exec(said);
    if (label !== null && !label[1]!.startsWith('.')) scope = label[1]!;
    const instruction = said.slice(label?.[0].length ?? 0);
    if (instruction === '' || /^(d[bwdq]\b|[\w.]+\s*=)/.test(instruction)) continue;
    code.push({ address, bytes, text: scoped(instruction, scope), at: `${file}:${line}`, scope });
  }
  const lookUp = (name: string) => {
    const symbol = symbols.get(name);
    if (symbol === undefined) throw new Error(`no symbol ${name}`);
    return symbol.value;
  };
  return { code, lookUp };
}

/** Names that begin with a dot, with the label they belong to before them. */
function scoped(text: string, scope: string): string {
  return text.replace(/'.'|(?<![\w.])\.\w+/gs, (name) => (name.startsWith("'") ? name : `${scope}${name}`));
}

/** Every row of the table, with every register and an address of every kind. */
function everyInstruction(): string {
  const quads = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'];
  for (let i = 8; i < 16; i++) quads.push(`r${i}`);
  const places = [
    ...quads.map((name, i) => `[${name}${i % 2 === 0 ? '+' : '-'}${i * 1000}]`),
    '[0x12345678]',
    '[start+4]',
  ];
  const kinds: Record<string, string[]> = {
    r: quads,
    b: ['al'],
    c: ['cl'],
    e: ['eax'],
    m: places,
    y: places.map((place) => `byte ${place}`),
    d: places.map((place) => `dword ${place}`),
  };
  const numbers: Record<string, string[]> = { r: ['start', 'end'], 1: ['0', '63'], 4: ['1', '-2', "'x'"] };
  numbers['8'] = ['-1', '0x3fffffffffffffff'];
  const lines = ['start:'];
  for (const { mnemonic, kinds: wanted, immediate } of TABLE) {
    const [first, second] = [...wanted].map((kind) => (kind === 'i' ? numbers[String(immediate)]! : kinds[kind]!));
    if (first === undefined) lines.push(mnemonic);
    else if (second === undefined) lines.push(...first.map((one) => `${mnemonic} ${one}`));
    else lines.push(...first.flatMap((one) => second.map((other) => `${mnemonic} ${one}, ${other}`)));
  }
  return `${lines.join('\n')}\nend:\n`;
}
