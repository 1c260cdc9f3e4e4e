// Owns: C programs out of random numbers, without undefined behaviour under -fwrapv, that print what they compute: two compilers
// must agree on every line. Values too large for a comparison of decimals are printed by their sign only.

type Random = (bound: number) => number;

const WHOLE = [
  'char',
  'signed char',
  'unsigned char',
  'short',
  'unsigned short',
  'int',
  'unsigned',
  'long',
  'unsigned long',
];
const FLOATING = ['float', 'double', 'long double'];
const TYPES = [...WHOLE, ...FLOATING, '_Bool'];
const NUMBERS = [
  '0',
  '1',
  '2',
  '127',
  '128',
  '255',
  '32768',
  '65535',
  '2147483647',
  '2147483648',
  '4294967295',
  '4294967296',
];
const LARGE = [
  '9223372036854775807',
  '0x8000000000000000',
  '0x9bf1f1d18b92c247',
  '3000000000u',
  '12345678901234L',
  '0xffffffff',
];
const FRACTIONS = ['1.5', '0.25f', '3.0L', '100.0', '7e3', '0.1', '2.5f'];

const HEAD = `#include <stdio.h>
static long whole(long double x) { return x > -1e15 && x < 1e15 ? (long)x : 7; }
static void show(int n, long double x)
{
  if (x > -1e18 && x < 1e18)
    printf("%d: %.6Lg\\n", n, x + 0.0L);
  else
    printf("%d: large, %d\\n", n, x > 0);
}
static struct { unsigned a : 3; int b : 7; unsigned c : 13; unsigned char d : 5; short e : 9; long f : 20; unsigned long g : 31; } s = { 1, 2, 3, 4, 5, 6, 7 };
static int row[8] = { 1, -2, 3, -4, 5, -6, 7, -8 }, five = 5;
static unsigned char bytes[4] = { 250, 5, 128, 0 };
`;

interface Variable {
  readonly name: string;
  readonly type: string;
}

const isFloating = ({ type }: Variable) => FLOATING.includes(type);

/** The statements print 60 or more lines. */
export function randomProgram(random: Random): string {
  const one = <T>(list: readonly T[]): T => list[random(list.length)]!;
  const globals = Array.from({ length: 14 }, (_, index) => ({ name: `g${index}`, type: one(TYPES) }));
  const fixed = ['s.a', 's.b', 's.c', 's.d', 's.e', 's.f', 's.g', 'row[3]', 'row[five & 7]', 'bytes[five & 3]'];
  const locals = [
    { name: 'i', type: 'int' },
    { name: 'c', type: 'unsigned char' },
    { name: 'l', type: 'long' },
    { name: 'd', type: 'double' },
  ];
  const all = [...globals, ...fixed.map((name) => ({ name, type: 'int' })), ...locals];

  /** An operand; a whole one where `whole` says so. */
  const operand = (whole: boolean, of: readonly Variable[]): string => {
    if (random(5) < 3) {
      const variable = one(of);
      return whole && isFloating(variable) ? `whole(${variable.name})` : variable.name;
    }
    const kind = random(5);
    if (kind === 0) return String(random(300));
    if (kind === 1) return one(LARGE);
    if (kind === 2) return `(-${1 + random(1000)})`;
    if (kind === 3) return whole ? `whole(${one(FRACTIONS)})` : one(FRACTIONS);
    return one(NUMBERS);
  };
  const expression = (depth: number, whole: boolean, of: readonly Variable[] = all): string => {
    if (depth <= 0 || random(10) === 0) return operand(whole, of);
    const next = (mustBeWhole = whole) => expression(depth - 1, mustBeWhole, of);
    switch (random(13)) {
      case 0:
        return `(${next(true)} ${one(['/', '%'])} (${next(true)} | 1))`;
      case 1:
        return `(${next(true)} ${one(['<<', '>>'])} (${next(true)} & ${one(['7', '15', '31'])}))`;
      case 2:
        return `(${next(true)} ${one(['&', '|', '^'])} ${next(true)})`;
      case 3:
        return `(${next()} ${one(['<', '>', '<=', '>=', '==', '!='])} ${next()})`;
      case 4:
        return `(${next()} ${one(['&&', '||'])} ${next()})`;
      case 5:
        return `(${next(false)} ? ${next()} : ${next()})`;
      case 6:
        return `((${one(WHOLE)})${next(true)})`;
      case 7:
        return `(-${next()})`;
      case 8:
        return `(~${next(true)})`;
      case 9:
        return `(!${next(false)})`;
      case 10:
        return `(${next(false)}, ${next()})`;
      case 11:
        return `((${one(whole ? WHOLE : TYPES)})${next(true)})`;
      default:
        return `(${next()} ${one(['+', '-', '*'])} ${next()})`;
    }
  };
  const numbers = all.filter((variable) => !isFloating(variable));
  const counters = numbers.filter(({ type }) => type !== '_Bool');
  const statements = Array.from({ length: 60 }, (_, index) => {
    const show = (text: string) => `  show(${index}, ${text});`;
    switch (random(4)) {
      case 0: {
        const { name } = one(numbers);
        return `  ${name} = ${expression(3, true)};\n${show(name)}`;
      }
      case 1: {
        const { name } = one(counters);
        const others = all.filter((other) => other.name !== name);
        return `  ${name} ${one(['+', '-', '*', '&', '|', '^'])}= ${expression(2, true, others)};\n${show(name)}`;
      }
      case 2: {
        const { name } = one(counters);
        return `${show(one([`${name}++`, `++${name}`, `${name}--`, `--${name}`]))}\n${show(name)}`;
      }
      default:
        return show(expression(1 + random(4), false));
    }
  });
  const declarations = globals.map(
    ({ name, type }) => `static ${type} ${name} = ${one(['0', '1', '-1', '100', '-128', '77'])};`,
  );
  const begin = 'int main(void)\n{\n  int i = 3;\n  unsigned char c = 200;\n  long l = -5;\n  double d = 2.5;';
  return `${HEAD}${declarations.join('\n')}\n${begin}\n${statements.join('\n')}\n  return 0;\n}\n`;
}
