import { describe, expect, it } from 'vitest';
import { expandHeredoc, expandInstruction, expandWord, expandWords } from '../../../src/containerfile/expand.ts';
import type { Instruction } from '../../../src/containerfile/instruction.ts';
import { parseContainerfile } from '../../../src/containerfile/parse.ts';
import { BuildError } from '../../../src/errors.ts';

const values: Readonly<Record<string, string>> = {
  x: 'foobarbaz',
  e: '',
  s: 'a  b',
  p: '/usr/local/lib/libz.so.1.2',
  star: 'a*b?c',
  nl: 'one\ntwo',
  u8: 'äöü',
  _1: 'under',
  dollar: '$x',
  q: "it's",
  ports: '1 2-3/udp',
};
const lookup = (name: string): string | undefined => (Object.hasOwn(values, name) ? values[name] : undefined);
const at = { file: 'F', line: 3 };
const word = (text: string, mark: '\\' | '`' = '\\'): string => expandWord(text, lookup, { escape: mark, at });

describe('one word', () => {
  const cases: [string, string][] = [
    // names
    ['$x', 'foobarbaz'],
    ['${x}', 'foobarbaz'],
    ['$x.y', 'foobarbaz.y'],
    ['$xy', ''],
    ['${x}y', 'foobarbazy'],
    ['$_1', 'under'],
    ['$1x', 'x'],
    ['$12', ''],
    ['$', '$'],
    ['a$', 'a$'],
    ['$ x', '$ x'],
    ['$(x)', '$(x)'],
    ['$/', '$/'],
    ['$$x', 'x'],
    ['$@$*$#$?$-$!', ''],
    ['${no}', ''],
    ['$dollar', '$x'],
    ['$é', ''],
    // quotes and escapes
    ["'$x'", '$x'],
    ['"$x"', 'foobarbaz'],
    ["a'b c'd", 'ab cd'],
    ['""', ''],
    ['\\$x', '$x'],
    ['\\a\\\\\\"', 'a\\"'],
    ['"\\$x \\" \\\\ \\n"', '$x " \\ \\n'],
    ["'\\'", '\\'],
    ['a\\', 'a'],
    ['a b  c', 'a b  c'],
    ['"$q"', "it's"],
    ['$q', "it's"],
    ['\\é', 'é'],
    // defaults
    ['${x-d}', 'foobarbaz'],
    ['${e-d}', ''],
    ['${no-d}', 'd'],
    ['${x:-d}', 'foobarbaz'],
    ['${e:-d}', 'd'],
    ['${no:-d}', 'd'],
    ['${no:-}', ''],
    ['${no:-$x}', 'foobarbaz'],
    ['${no:-${no2:-${x}}}', 'foobarbaz'],
    ['${no:-"a }b"}', 'a }b'],
    ["${no:-'$x'}", '$x'],
    ['${no:-\\}}', '}'],
    ['${no:-a:-b}', 'a:-b'],
    // alternatives
    ['${x+d}', 'd'],
    ['${e+d}', 'd'],
    ['${no+d}', ''],
    ['${x:+d}', 'd'],
    ['${e:+d}', ''],
    ['${no:+d}', ''],
    ['${x:+[$x]}', '[foobarbaz]'],
    // demands
    ['${x?m}', 'foobarbaz'],
    ['${x:?}', 'foobarbaz'],
    ['${e?m}', ''],
    // prefixes
    ['${x#f*b}', 'arbaz'],
    ['${x##f*b}', 'az'],
    ['${x#*}', 'foobarbaz'],
    ['${x##*}', ''],
    ['${x#o}', 'foobarbaz'],
    ['${x#fo?}', 'barbaz'],
    ['${x#$x}', ''],
    ['${p##*/}', 'libz.so.1.2'],
    ['${p#/usr}', '/local/lib/libz.so.1.2'],
    ['${no#x}', ''],
    ['${star#a\\*}', 'b?c'],
    ['${u8#?}', 'öü'],
    ['${nl#o*e}', '\ntwo'],
    ['${nl##o*o}', 'one\ntwo'],
    ['${x#}', 'foobarbaz'],
    // suffixes
    ['${x%b*}', 'foobar'],
    ['${x%%b*}', 'foo'],
    ['${p%/*}', '/usr/local/lib'],
    ['${p%%.*}', '/usr/local/lib/libz'],
    ['${p%.*}', '/usr/local/lib/libz.so.1'],
    ['${x%%*}', ''],
    ['${x%a}', 'foobarbaz'],
    ['${star%\\?c}', 'a*b'],
    ['${u8%?}', 'äö'],
    // replacements
    ['${x/ba/fo}', 'fooforbaz'],
    ['${x//ba/fo}', 'fooforfoz'],
    ['${x/o*b/-}', 'f-az'],
    ['${x//o/}', 'fbarbaz'],
    ['${x//?/x}', 'xxxxxxxxx'],
    ['${x/nothing/y}', 'foobarbaz'],
    ['${x/$x/y}', 'y'],
    ['${x/ba/$_1}', 'foounderrbaz'],
    ['${p//\\//-}', '-usr-local-lib-libz.so.1.2'],
    ['${star/\\*/+}', 'a+b?c'],
    ['${star//\\?/}', 'a*bc'],
    ['${no/a/b}', ''],
    ['${s// /_}', 'a__b'],
    ['${x//./_}', 'foobarbaz'],
    ['${p//./_}', '/usr/local/lib/libz_so_1_2'],
    ['${x/ba/$dollar}', 'foo$xrbaz'],
  ];
  it.each(cases)('%s', (text, want) => {
    expect(word(text)).toBe(want);
  });

  it.each([
    ['`$x', '$x'],
    ['\\$x', '\\foobarbaz'],
    ['"`""', '"'],
    ['a`', 'a'],
  ])('escape=`: %s', (text, want) => {
    expect(word(text, '`')).toBe(want);
  });

  it.each([
    ['$x $no', 'foobarbaz $no'],
    ['${no}', '${no}'],
    ['${no:-d}', '${no:-d}'],
    ['${no%%x*}', '${no%%x*}'],
    ['${no/a/b}', '${no/a/b}'],
    ['${no//a/b}', '${no//a/b}'],
  ])('keepUnknown: %s', (text, want) => {
    expect(expandWord(text, lookup, { escape: '\\', at, keepUnknown: true })).toBe(want);
  });

  const faults: [string, string][] = [
    ['${', "'}' is missing"],
    ['${x', "'}' is missing"],
    ['${x:', "'}' is missing"],
    ['${x:-a', "'}' is missing"],
    ['${}', 'not followed by a name'],
    ['${{x}}', 'not followed by a name'],
    ['${:x}', 'not followed by a name'],
    ['${ x}', 'starts no name'],
    ['${x!y}', 'no substitution this dialect has'],
    ['${x:=y}', 'no substitution this dialect has'],
    ['${x^^}', 'no substitution this dialect has'],
    ['${x:0:2}', 'no substitution this dialect has'],
    ['${x/a}', "the second '/' is missing"],
    ['${x/a/b', "'}' is missing"],
    ['${x#\\a}', 'escapes nothing'],
    ["'a", "the closing ' is missing"],
    ['"a', 'the closing " is missing'],
    ['${no?}', 'no: must not be unset'],
    ['${no:?say $x}', 'no: say foobarbaz'],
    ['${e:?}', 'e: must not be empty'],
    ['${no:-${no:?deep}}', 'no: deep'],
    ['${no:-'.repeat(200) + '}'.repeat(200), 'nested more than 100 deep'],
  ];
  it.each(faults)('%s is an error', (text, message) => {
    expect(() => word(text)).toThrow(expect.objectContaining({ code: 'EXPAND', location: at }));
    expect(() => word(text)).toThrow(message);
  });

  it('never grows without bound', () => {
    const big = 'x'.repeat(1 << 20);
    expect(() => expandWord('$v$v$v$v$v', () => big, { escape: '\\', at })).toThrow('expands to more than');
    expect(() => expandWord('${v//x/$v}', (name) => (name === 'v' ? big : ''), { escape: '\\', at })).toThrow(
      BuildError,
    );
  });

  it('matches patterns without backtracking', () => {
    const text = 'a'.repeat(5000);
    expect(expandWord('${v##*a*a*a*a*a*a*a*b}', () => text, { escape: '\\', at })).toBe(text);
  });
});

describe('words', () => {
  const cases: [string, string[]][] = [
    ['a b\tc', ['a', 'b', 'c']],
    ['$s', ['a', 'b']],
    ['"$s"', ['a  b']],
    ["'a b' c", ['a b', 'c']],
    ['a\\ b', ['a b']],
    ['$no', []],
    ['""', []],
    ['x$s', ['xa', 'b']],
    ['${no:-1 2}', ['1', '2']],
  ];
  it.each(cases)('%s', (text, want) => {
    expect(expandWords(text, lookup, { escape: '\\', at })).toEqual(want);
  });
});

describe('heredoc bodies', () => {
  const cases: [string, string][] = [
    ['a $x\n${no}|${no:-d}\n', 'a foobarbaz\n|d\n'],
    ['"$x" \'$x\'\n', '"foobarbaz" \'foobarbaz\'\n'],
    ['$(date) `x`\n', '$(date) `x`\n'],
    ['\\$x \\n \\\\\n', '$x n \\\n'],
    ["it's\n", "it's\n"],
    ['${no:-"q"}\n', '"q"\n'],
  ];
  it.each(cases)('%j', (text, want) => {
    expect(expandHeredoc(text, lookup, at)).toBe(want);
  });

  it('say where they are wrong', () => {
    expect(() => expandHeredoc('${x', lookup, at)).toThrow(expect.objectContaining({ code: 'EXPAND', location: at }));
  });
});

describe('instructions', () => {
  const expand = (text: string, head = 'FROM scratch\n'): Instruction => {
    const file = parseContainerfile(head + text, 'F');
    const all = [...file.globalArgs, ...file.stages.flatMap((stage) => [stage.from, ...stage.instructions])];
    return expandInstruction(all.at(-1)!, lookup, file.directives.escape);
  };

  const cases: [string, object][] = [
    ['FROM --platform=$x ${x}:1', { image: 'foobarbaz:1', platform: 'foobarbaz' }],
    [
      'ARG a=$x "b"=${no:-1} c',
      {
        args: [
          { key: 'a', value: 'foobarbaz' },
          { key: 'b', value: '1' },
          { key: 'c', value: undefined },
        ],
      },
    ],
    [
      'ENV a=$x x=1 b=$x "c $x"=\'$x\'',
      {
        pairs: [
          { key: 'a', value: 'foobarbaz' },
          { key: 'x', value: '1' },
          { key: 'b', value: 'foobarbaz' },
          { key: 'c foobarbaz', value: '$x' },
        ],
      },
    ],
    ['ENV a "$x"  \\"y', { pairs: [{ key: 'a', value: 'foobarbaz  "y' }] }],
    ['LABEL $x="$s"', { pairs: [{ key: 'foobarbaz', value: 'a  b' }] }],
    ['EXPOSE $ports 80', { ports: ['1', '2-3/udp', '80'] }],
    ['VOLUME $x "/q"', { paths: ['foobarbaz', '/q'] }],
    ['VOLUME ["$s"]', { paths: ['a  b'] }],
    ['USER $x:$e', { user: 'foobarbaz:' }],
    ['WORKDIR /$x/"q"', { path: '/foobarbaz/q' }],
    ['STOPSIGNAL ${no:-SIGTERM}', { signal: 'SIGTERM' }],
    ['STOPSIGNAL rtmin+3', { signal: 'rtmin+3' }],
    ['STOPSIGNAL 9', { signal: '9' }],
    [
      'COPY --chown=$x:$x --chmod=$x --exclude=*.$x $x "q" /$x',
      {
        sources: ['foobarbaz', 'q'],
        dest: '/foobarbaz',
        chown: 'foobarbaz:foobarbaz',
        chmod: 'foobarbaz',
        exclude: ['*.foobarbaz'],
      },
    ],
    ['ADD --checksum=sha256:$x $x /', { checksum: 'sha256:foobarbaz', sources: ['foobarbaz'] }],
    ['COPY <<a <<"b" /$x\n$x "q"\na\n$x\nb', { heredocs: [{ content: 'foobarbaz "q"\n' }, { content: '$x\n' }] }],
    [
      'RUN --mount=type=cache,target=/$x,uid=${no:-7} echo $x',
      {
        mounts: [{ type: 'cache', target: '/foobarbaz', uid: 7 }],
        command: { form: 'shell', args: ['echo $x'] },
      },
    ],
    ['RUN <<E\n$x\nE', { command: { form: 'shell', args: ['$x\n'] }, heredocs: [{ content: '$x\n' }] }],
    ['CMD ["$x"]', { command: { form: 'json', args: ['$x'] } }],
    ['ENTRYPOINT $x', { command: { form: 'shell', args: ['$x'] } }],
    ['SHELL ["$x"]', { command: { args: ['$x'] } }],
    ['HEALTHCHECK CMD $x', { command: { args: ['$x'] } }],
    ['ONBUILD ENV a=$x', { trigger: 'ENV a=$x' }],
    ['MAINTAINER $x', { name: '$x' }],
  ];
  it.each(cases)('%s', (text, want) => {
    expect(expand(text)).toMatchObject(want);
  });

  const refused: [string, string, string][] = [
    ['FROM $no', 'EXPAND', 'names no image'],
    ['ENV $no=1', 'EXPAND', 'expands to nothing'],
    ['COPY a $no', 'EXPAND', 'the target of COPY expands to nothing'],
    ['USER ${no:?who}', 'EXPAND', 'no: who'],
    ['COPY <<a /x\n${x\na', 'EXPAND', 'no substitution'],
    ['STOPSIGNAL $x', 'PARSE', 'want a signal'],
    ['EXPOSE $x', 'PARSE', 'a port, or two'],
    ['STOPSIGNAL 65', 'PARSE', 'want a signal'],
    ['RUN --mount=type=$x y', 'PARSE', 'want one of bind'],
    ['RUN --mount=type=cache,uid=$x y', 'PARSE', 'want a number'],
  ];
  it.each(refused)('%s is refused', (text, code, message) => {
    expect(() => expand(text)).toThrow(expect.objectContaining({ code, location: { file: 'F', line: 2 } }));
    expect(() => expand(text)).toThrow(message);
  });

  it('follows the escape directive', () => {
    expect(expand('WORKDIR c:\\$x\\`$x', '# escape=`\nFROM scratch\n')).toMatchObject({ path: 'c:\\foobarbaz\\$x' });
  });
});
