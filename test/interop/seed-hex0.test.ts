import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeHexSource } from '../../src/recipe/hex-source.ts';
import {
  answerFor,
  type Chain,
  HEX0_TEXT,
  hasProgram,
  makeChain,
  mustRun,
  randomFrom,
  run,
  sha256,
  whyNot,
} from './seed/chain.ts';
import { compareWithObjdump, type Written } from './seed/disassembly.ts';

const skip = whyNot();
if (skip !== undefined) console.log(`seed-hex0: skipped: ${skip}`);

/** Three ways to have the bytes without anything of ours; the third, by hand, is in bootstrap/SEED.md. */
const WITHOUT_US = {
  'sed and xxd': 'sed "s/[;#].*//" "$1" | xxd -r -p',
  printf: String.raw`sed 's/[;#].*//' "$1" | tr -s ' ' '\n' | grep . |
    while read -r byte; do printf "\\$(printf %03o "0x$byte")"; done`,
};

describe.skipIf(skip !== undefined)('hex0', () => {
  let chain: Chain;
  beforeAll(() => {
    chain = makeChain();
  });
  afterAll(() => chain.remove());

  test('is less than 300 bytes, and what answers.txt says', () => {
    expect(statSync(chain.hex0).size).toBeLessThan(300);
    expect(sha256(chain.hex0)).toBe(answerFor('hex0'));
  });

  for (const [name, script] of Object.entries(WITHOUT_US)) {
    const missing = name === 'printf' || hasProgram('xxd') ? undefined : 'xxd is not installed';
    if (missing !== undefined) console.log(`seed-hex0: ${name}: skipped: ${missing}`);
    test.skipIf(missing !== undefined)(`the same bytes by ${name}`, () => {
      mustRun(chain.folder, 'sh', '-c', `(${script}) >by-${name[0]}`, 'sh', HEX0_TEXT);
      expect(sha256(join(chain.folder, `by-${name[0]}`))).toBe(answerFor('hex0'));
    });
  }

  test('makes itself, and makes it executable', () => {
    mustRun(chain.folder, chain.hex0, 'again', HEX0_TEXT);
    expect(sha256(join(chain.folder, 'again'))).toBe(answerFor('hex0'));
    mustRun(chain.folder, join(chain.folder, 'again'), 'third', HEX0_TEXT);
    expect(sha256(join(chain.folder, 'third'))).toBe(answerFor('hex0'));
  });

  test.each<[string, string, string]>([
    ['nothing', '', ''],
    ['together, apart, capitals', '4a4B 4c\n4D', '4a4b4c4d'],
    ['comments', '41 ; 42\n# 43 ; 44\n45# 46\n;', '4145'],
    ['blanks', ' \t41\r\n\v\f42\n', '4142'],
    ['a comment does not end at anything but a newline', '; 41 \r 42\n43', '43'],
    ['bytes above 127 in a comment', '41 ; \xe4\xff\n42', '4142'],
    ['all values', Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0')).join(''), 'all'],
  ])('reads %s', (_, text, hex) => {
    mustRun(chain.folder, chain.hex0, 'out', chain.write('in', Buffer.from(text, 'latin1')));
    const wanted = hex === 'all' ? text : hex;
    expect(readFileSync(join(chain.folder, 'out')).toString('hex')).toBe(wanted);
  });

  test.each<[string, string | Buffer, string]>([
    ['a letter that is no digit', '41\n4g\n', '0002'],
    ['half a byte before a blank', '41\n\n4 1\n', '0003'],
    ['half a byte before a newline', '41 4\n1', '0001'],
    ['half a byte before a comment', '4;1', '0001'],
    ['half a byte at the end', '41\n4', '0002'],
    ['a sign', '; fine\n-41', '0002'],
    ['a byte above 127', Buffer.from('41\n\xb2', 'latin1'), '0002'],
    ['the character before 0', '4/', '0001'],
    ['the characters around A, F, a, f', '4`', '0001'],
    ['', '4:', '0001'],
    ['', '4@', '0001'],
    ['', '4G', '0001'],
    ['a bad character after 9998 lines', `${'\n'.repeat(9998)}x`, '9999'],
    ['a bad character far down', `${'\n'.repeat(100_000)}x`, '"0001'.slice(1)],
  ])('refuses %s', (_, text, line) => {
    const out = join(chain.folder, 'never');
    const ran = run(chain.folder, chain.hex0, out, chain.write('in', text));
    expect(ran).toMatchObject({ status: 1, signal: null, stdout: '' });
    expect(ran.stderr).toMatch(new RegExp(`^hex\\?.${line}\\n$`));
    expect(existsSync(out)).toBe(false);
  });

  test('keeps what was there when it refuses', () => {
    const out = chain.write('kept', 'precious');
    expect(run(chain.folder, chain.hex0, out, chain.write('in', '4')).status).toBe(1);
    expect(readFileSync(out, 'utf8')).toBe('precious');
  });

  test.each<[string, string[]]>([
    ['no arguments', []],
    ['one argument', ['out']],
    ['a source that is not there', ['never', 'nowhere']],
    ['a folder for a source', ['never', '/']],
    ['an output that cannot be opened', ['nowhere/out', HEX0_TEXT]],
    ['a disk without room', ['/dev/full', HEX0_TEXT]],
  ])('fails on %s', (_, args) => {
    expect(run(chain.folder, chain.hex0, ...args)).toMatchObject({ status: 1, signal: null });
    expect(existsSync(join(chain.folder, 'never'))).toBe(false);
  });

  test('accepts what ocibuild accepts, and makes the same of it', () => {
    const random = randomFrom(1);
    const pieces = ['41', '4', ' ', '\n', '; x 4', '# 4', 'ff', 'F0', 'x', 'g', '\t', '0'];
    const tally = { good: 0, bad: 0 };
    for (let round = 0; round < 300; round++) {
      const text = Array.from({ length: random(12) }, () => pieces[random(random(3) === 0 ? 12 : 8)]).join('');
      let wanted: string | undefined;
      try {
        wanted = decodeHexSource(text, { file: 'in', line: 1 }).toString('hex');
      } catch {
        wanted = undefined;
      }
      const ran = run(chain.folder, chain.hex0, 'out', chain.write('in', text));
      const got = ran.status === 0 ? readFileSync(join(chain.folder, 'out')).toString('hex') : undefined;
      expect([ran.signal, got], JSON.stringify(text)).toEqual([null, wanted]);
      tally[wanted === undefined ? 'bad' : 'good']++;
    }
    expect(Math.min(tally.good, tally.bad)).toBeGreaterThan(50);
  });

  const noObjdump = hasProgram('objdump') ? undefined : 'objdump is not installed';
  if (noObjdump !== undefined) console.log(`seed-hex0: comments: skipped: ${noObjdump}`);
  test.skipIf(noObjdump !== undefined)('every comment is what objdump reads in the bytes beside it', () => {
    const { code, labels, wrong } = readAnnotated();
    expect(wrong).toEqual([]);
    expect(code.length).toBe(87);
    const lookUp = (name: string) => BigInt(labels.get(name) ?? Number.NaN);
    expect(compareWithObjdump(code, lookUp)).toEqual([]);
  });

  test('a wrong comment would be seen', () => {
    const { code, labels } = readAnnotated();
    const changed = code.map((one, index) => (index === 40 ? { ...one, text: `${one.text.split(' ')[0]} 1` } : one));
    expect(compareWithObjdump(changed, (name) => BigInt(labels.get(name)!))).toHaveLength(1);
  });
});

/** Instructions and labels of hex0.hex; and what is wrong with its data, field by field, and with its addresses. */
function readAnnotated(): { code: Written[]; labels: Map<string, number>; wrong: string[] } {
  const code: Written[] = [];
  const labels = new Map<string, number>();
  const wrong: string[] = [];
  let address = 0x400000;
  for (const [index, line] of readFileSync(HEX0_TEXT, 'utf8').split('\n').entries()) {
    const found = /^([0-9a-f ]*?) *; (.*?) *(?:# *(.*))?$/.exec(line);
    if (found === null) continue;
    const [, hex, said, why] = found as unknown as [string, string, string, string | undefined];
    const at = `hex0.hex:${index + 1}`;
    const bytes = [...Buffer.from(hex.replaceAll(' ', ''), 'hex')];
    const label = /^(\w+):$/.exec(said)?.[1];
    const told = /^0x([0-9a-f]{6})\b/.exec(why ?? '')?.[1];
    if (label !== undefined) {
      labels.set(label, address);
      if (told === undefined || Number.parseInt(told, 16) !== address) wrong.push(`${at}: ${label} is at ${address}`);
    } else if (!labels.has('start') || labels.has('message')) wrong.push(...wrongData(at, bytes, said));
    else code.push({ address, bytes, text: said, at });
    address += bytes.length;
  }
  if (labels.get('end') !== address) wrong.push('the end is elsewhere');
  return { code, labels, wrong };
}

/** A field of a header, `name = value`, or text in quotes. */
function wrongData(at: string, bytes: readonly number[], said: string): string[] {
  const value = bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
  const text = String.fromCharCode(...bytes);
  const number = /= (0x[0-9a-f]+|\d+)$/.exec(said)?.[1] ?? /\((0x[0-9a-f]+)\)$/.exec(said)?.[1];
  if (number !== undefined) return Number(number) === value ? [] : [`${at}: ${said} is ${value}`];
  const quoted = /^"(.*)"$/.exec(said)?.[1] ?? (said === 'newline' ? '\n' : undefined);
  if (quoted !== undefined) return quoted === text ? [] : [`${at}: ${said} is ${JSON.stringify(text)}`];
  const named: Record<string, number> = {
    ELFCLASS64: 2,
    ELFDATA2LSB: 1,
    EV_CURRENT: 1,
    ELFOSABI_NONE: 0,
    ET_EXEC: 2,
    EM_X86_64: 62,
    SHN_UNDEF: 0,
    PT_LOAD: 1,
    'PF_R | PF_W | PF_X': 7,
  };
  const name = /= ([A-Z].*)$/.exec(said)?.[1];
  if (name !== undefined) return named[name] === value ? [] : [`${at}: ${said} is ${value}`];
  if (said === "e_ident[EI_MAG]: 0x7f 'E' 'L' 'F'") return text === '\x7fELF' ? [] : [`${at}: no magic`];
  if (said === 'e_ident[EI_ABIVERSION], padding') return value === 0 ? [] : [`${at}: not zero`];
  return [`${at}: nothing is known of ${said}`];
}
