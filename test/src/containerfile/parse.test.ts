// What a Containerfile is read as: text on the left, the fields of its instructions on the right.

import { describe, expect, it } from 'vitest';
import type { Instruction } from '../../../src/containerfile/instruction.ts';
import { findStage, parseContainerfile, parseTrigger } from '../../../src/containerfile/parse.ts';

function instructions(text: string | Uint8Array): Instruction[] {
  const file = parseContainerfile(text, 'Containerfile');
  return [...file.globalArgs, ...file.stages.flatMap((stage) => [stage.from, ...stage.instructions])];
}

/** The last instruction of a stage on scratch. */
function one(text: string): Instruction {
  return instructions(`FROM scratch\n${text}`).at(-1)!;
}

/** `first-last KEYWORD` of every instruction. */
function outline(text: string | Uint8Array): string[] {
  return instructions(text).map(({ at, keyword }) => `${at.line}-${at.lastLine} ${keyword}`);
}

describe('lines', () => {
  const cases: [string, string | Uint8Array, string[]][] = [
    ['the last newline is missing', 'FROM a\nUSER b', ['1-1 FROM', '2-2 USER']],
    ['CRLF', 'FROM a\r\nRUN x \\\r\n  y\r\n', ['1-1 FROM', '2-3 RUN']],
    ['a byte order mark', Buffer.from('\ufeffFROM a\n'), ['1-1 FROM']],
    ['a byte order mark in a string', '\ufeffFROM a\n', ['1-1 FROM']],
    ['case does not count', 'from a\nUsEr b', ['1-1 FROM', '2-2 USER']],
    ['leading blanks', '  FROM a\n\t USER b', ['1-1 FROM', '2-2 USER']],
    ['comments and blank lines', '# a\n\n  # b\nFROM a\n\n#\nUSER b\n', ['4-4 FROM', '7-7 USER']],
    [
      'a comment inside a continuation',
      'FROM a\nRUN x \\\n# no \\\n  # no\n  y\nUSER b',
      ['1-1 FROM', '2-5 RUN', '6-6 USER'],
    ],
    ['a blank line inside a continuation', 'FROM a\nRUN x \\\n\n\n  y\n', ['1-1 FROM', '2-5 RUN']],
    ['a continuation with blanks behind it', 'FROM a\nRUN x \\ \t\n  y\n', ['1-1 FROM', '2-3 RUN']],
    ['a continuation at the end of the file', 'FROM a\nRUN x \\\n', ['1-1 FROM', '2-2 RUN']],
    ['two escapes continue nothing', 'FROM a\nRUN x \\\\\nUSER b', ['1-1 FROM', '2-2 RUN', '3-3 USER']],
    ['a continuation mark alone on its line', 'FROM a\n\\\nUSER b', ['1-1 FROM', '2-3 USER']],
    ['a keyword split by a continuation', 'FR\\\nOM a', ['1-2 FROM']],
    ['latin-1 in a comment', Buffer.from('# J\xf6rg\nFROM a\n', 'latin1'), ['2-2 FROM']],
    ['heredocs count as lines', 'FROM a\nRUN <<E\n1\n2\nE\nUSER b', ['1-1 FROM', '2-5 RUN', '6-6 USER']],
    ['a comment in a heredoc is text', 'FROM a\nRUN <<E\n# 1\nE\nUSER b', ['1-1 FROM', '2-4 RUN', '5-5 USER']],
  ];
  it.each(cases)('%s', (_, text, want) => {
    expect(outline(text)).toEqual(want);
  });

  it('joins continuations without the indentation of the first line', () => {
    expect(one('  RUN a \\\n  && b\\\nc').text).toBe('RUN a   && bc');
  });

  it('warns of blank lines inside a continuation, where they stand', () => {
    const { warnings } = parseContainerfile('FROM a\nRUN x \\\n\n  y\n', 'F');
    expect(warnings.map(({ at }) => at)).toEqual([{ file: 'F', line: 3 }]);
  });
});

describe('directives', () => {
  const cases: [string, string, object][] = [
    ['none', 'FROM a', { escape: '\\' }],
    [
      'all',
      '# syntax=x/y:1\n# Check = skip=all\n#escape=`\nFROM a',
      { syntax: 'x/y:1', check: 'skip=all', escape: '`' },
    ],
    ['after a comment', '# hello\n# escape=`\nFROM a', { escape: '\\' }],
    ['after a blank line', '\n# escape=`\nFROM a', { escape: '\\' }],
    ['after an unknown one', '# foo=bar\n# escape=`\nFROM a', { escape: '\\' }],
    ['after an instruction', 'FROM a\n# escape=`\nUSER b', { escape: '\\' }],
    ['with CRLF', '# escape=`\r\nFROM a', { escape: '`' }],
  ];
  it.each(cases)('%s', (_, text, want) => {
    expect(parseContainerfile(text, 'F').directives).toEqual(want);
  });

  it('escape moves the continuation mark', () => {
    expect(outline('# escape=`\nFROM a\nRUN dir c:\\\nRUN x `\n y')).toEqual(['2-2 FROM', '3-3 RUN', '4-5 RUN']);
  });
});

describe('instructions', () => {
  const shell = (text: string) => ({ command: { form: 'shell', args: [text] } });
  const json = (...args: string[]) => ({ command: { form: 'json', args } });
  const cases: [string, object][] = [
    ['FROM a:b@sha256:c', { image: 'a:b@sha256:c' }],
    ['FROM --platform=$BUILDPLATFORM a aS Bee', { image: 'a', as: 'bee', platform: '$BUILDPLATFORM' }],
    ['FROM --platform= a', { image: 'a' }],
    ['ARG a', { args: [{ key: 'a', value: undefined }] }],
    [
      'ARG a=1 b c= d="x y" e=\'$z\'',
      {
        args: [
          { key: 'a', value: '1' },
          { key: 'b', value: undefined },
          { key: 'c', value: '' },
          { key: 'd', value: '"x y"' },
          { key: 'e', value: "'$z'" },
        ],
      },
    ],
    [
      'ENV a=b c="d e" f=g\\ h',
      {
        pairs: [
          { key: 'a', value: 'b' },
          { key: 'c', value: '"d e"' },
          { key: 'f', value: 'g\\ h' },
        ],
      },
    ],
    ['ENV a b  c=d', { pairs: [{ key: 'a', value: 'b  c=d' }] }],
    [
      'ENV a= b=',
      {
        pairs: [
          { key: 'a', value: '' },
          { key: 'b', value: '' },
        ],
      },
    ],
    ['ENV a=b=c', { pairs: [{ key: 'a', value: 'b=c' }] }],
    [
      'ENV a="x\\\n  y" b=c',
      {
        pairs: [
          { key: 'a', value: '"x  y"' },
          { key: 'b', value: 'c' },
        ],
      },
    ],
    [
      "ENV a='it\\' b=c",
      {
        pairs: [
          { key: 'a', value: "'it\\'" },
          { key: 'b', value: 'c' },
        ],
      },
    ],
    [
      'LABEL "a b"="c d" e=f',
      {
        pairs: [
          { key: '"a b"', value: '"c d"' },
          { key: 'e', value: 'f' },
        ],
      },
    ],
    ['LABEL a b c', { pairs: [{ key: 'a', value: 'b c' }] }],
    ['RUN a "b"  $c', shell('a "b"  $c')],
    ['RUN ["a","b c", "\\u00e9\\n"]', json('a', 'b c', 'é\n')],
    ['RUN [ "a" ] ', json('a')],
    ['RUN ["\\ud800"]', json('\ufffd')],
    ['RUN [ -d x ] || y', shell('[ -d x ] || y')],
    ['RUN ["a"] || y', shell('["a"] || y')],
    ["RUN ['a', 'b']", shell("['a', 'b']")],
    ['RUN ["a",]', shell('["a",]')],
    ['RUN --network=none --security=sandbox x', { ...shell('x'), network: 'none', security: 'sandbox' }],
    ['RUN -- --x', shell('--x')],
    ['RUN -x --network=none', shell('-x --network=none')],
    [
      'RUN --mount=type=cache,target=/c x',
      { mounts: [{ type: 'cache', target: '/c' }], mountTexts: ['type=cache,target=/c'] },
    ],
    ['RUN --mount=type=cache,target="/a b" x', { mountTexts: ['type=cache,target=/a b'] }],
    ['RUN --mount=target=$x,from=y z', { mounts: [{ type: 'bind', from: 'y' }], mountTexts: ['target=$x,from=y'] }],
    ['CMD []', json()],
    ['CMD a <<EOF', shell('a <<EOF')],
    ['ENTRYPOINT ["a"]', json('a')],
    ['SHELL ["/bin/bash", "-o", "pipefail", "-c"]', json('/bin/bash', '-o', 'pipefail', '-c')],
    ['COPY a b', { sources: ['a'], dest: 'b', link: false, parents: false, exclude: [] }],
    ['COPY a  b\tc/', { sources: ['a', 'b'], dest: 'c/' }],
    ['COPY ["a b", "c"]', { sources: ['a b'], dest: 'c' }],
    [
      'COPY --from=x --chown=1:2 --chmod=u=rwX,go=rX --link --parents=true --exclude=*.a --exclude=b . /',
      { from: 'x', chown: '1:2', chmod: 'u=rwX,go=rX', link: true, parents: true, exclude: ['*.a', 'b'] },
    ],
    ['COPY --link=false a b', { link: false }],
    ['COPY "a b" c', { sources: ['"a', 'b"'], dest: 'c' }],
    ['COPY --from="" a b', { sources: ['a'] }],
    [
      'ADD --checksum=sha256:0 --keep-git-dir --unpack=false --link x y',
      { checksum: 'sha256:0', keepGitDir: true, unpack: false, link: true },
    ],
    ['WORKDIR /a b', { path: '/a b' }],
    ['USER 1000:1000', { user: '1000:1000' }],
    ['STOPSIGNAL $SIG', { signal: '$SIG' }],
    ['MAINTAINER a <b@c>', { name: 'a <b@c>' }],
    ['EXPOSE 80/tcp 90-99/udp $P', { ports: ['80/tcp', '90-99/udp', '$P'] }],
    ['VOLUME /a /b', { paths: ['/a', '/b'] }],
    ['VOLUME ["/a b"]', { paths: ['/a b'] }],
    ['HEALTHCHECK NONE', {}],
    ['healthcheck none', {}],
    [
      'HEALTHCHECK --interval=1m30.5s --timeout=100ms --start-period=0 --start-interval=1h --retries=3 CMD a b',
      { ...shell('a b'), interval: 90.5e9, timeout: 1e8, startPeriod: 0, startInterval: 3.6e12, retries: 3 },
    ],
    ['HEALTHCHECK cmd ["a", "b"]', json('a', 'b')],
    ['ONBUILD  RUN  a  b', { trigger: 'RUN  a  b' }],
    ['ONBUILD COPY <<E /x\n$a\nE', { trigger: 'COPY <<E /x\n$a\nE' }],
    ['ONBUILD CMD <<E', { trigger: 'CMD <<E' }],
    ['ONBUILD RUN ["a", "<<E"]', { trigger: 'RUN ["a", "<<E"]' }],
  ];
  it.each(cases)('%s', (text, want) => {
    expect(one(text)).toMatchObject({ ...want, keyword: text.split(' ')[0]!.toUpperCase() });
  });

  it('leaves out what was not given', () => {
    const copy = one('COPY a b');
    expect(Object.keys(copy).sort()).toEqual(
      ['at', 'dest', 'exclude', 'flags', 'heredocs', 'keyword', 'link', 'parents', 'sources', 'text'].sort(),
    );
    expect(one('HEALTHCHECK NONE')).not.toHaveProperty('command');
  });

  it('keeps the flags as written', () => {
    expect(one("COPY --link --chown='a b' x y").flags).toEqual([
      { name: 'link', value: undefined },
      { name: 'chown', value: 'a b' },
    ]);
  });
});

describe('heredocs', () => {
  const run = (text: string) => {
    const found = one(text);
    if (found.keyword !== 'RUN') throw new Error(`read as ${found.keyword}`);
    return found;
  };
  const whole: [string, string, string][] = [
    ['plain', 'RUN <<EOF\na\n\n  b \\\nEOF\n', 'a\n\n  b \\\n'],
    ['empty', 'RUN <<EOF\nEOF', ''],
    ['tabs go, spaces stay', 'RUN <<-EOF\n\t\ta\n\t b\n  c\td\n\tEOF', 'a\n b\n  c\td\n'],
    ['tabs stay without the dash', 'RUN <<EOF\n\ta\n\tEOF\nEOF', '\ta\n\tEOF\n'],
    ['quoted', 'RUN <<"EOF"\n$a\nEOF', '$a\n'],
    ['single quotes, in part', "RUN <<E'O'F\n$a\nEOF", '$a\n'],
    ['a file descriptor', 'RUN 3<<EOF\na\nEOF', 'a\n'],
    ['flags before it', 'RUN --network=none <<EOF\na\nEOF', 'a\n'],
    ['CRLF stays in the body', 'RUN <<EOF\r\na\r\nEOF\r\n', 'a\r\n'],
    ['only the last line lacks its newline', 'RUN <<E\na\nE', 'a\n'],
  ];
  it.each(whole)('whole body: %s', (_, text, want) => {
    expect(run(text).command).toEqual({ form: 'shell', args: [want] });
    expect(run(text).script).toBeUndefined();
  });

  it('a blank behind the terminator makes it text', () => {
    expect(() => run('RUN <<E\nE \n')).toThrow('not terminated');
  });

  it('a body that starts with #! is a script', () => {
    const found = run('RUN <<-EOF\n\t#!/usr/bin/env python3\n\tprint(1)\nEOF');
    expect(found.script).toBe('#!/usr/bin/env python3\nprint(1)\n');
    expect(found.heredocs.map(({ name }) => name)).toEqual(['EOF']);
  });

  const asWritten: [string, string][] = [
    ['RUN cat <<EOF >/x\n$a\nEOF', 'cat <<EOF >/x\n$a\nEOF'],
    ['RUN <<EOF cat\na\nEOF', '<<EOF cat\na\nEOF'],
    ["RUN cat <<-'EOF' | sh\n\ta\n\tEOF", "cat <<-'EOF' | sh\n\ta\nEOF"],
    ['RUN <<A cat && <<B cat\n1\nA\n2\nB', '<<A cat && <<B cat\n1\nA\n2\nB'],
    ['RUN <<A <<B\n1\nA\n2\nB', '<<A <<B\n1\nA\n2\nB'],
    ['RUN cat \\\n  <<EOF\na\nEOF', 'cat   <<EOF\na\nEOF'],
  ];
  it.each(asWritten)('beside a command: %j', (text, want) => {
    expect(run(text).command).toEqual({ form: 'shell', args: [want] });
  });

  const words = [
    'RUN cat <<  EOF',
    'RUN cat << EOF',
    'RUN cat "<<EOF"',
    "RUN cat '<<EOF'",
    'RUN cat \\<<EOF',
    'RUN cat <<<EOF',
    'RUN echo $((1<<3))',
    'RUN echo a<<b',
    'RUN ["cat", "<<EOF"]',
  ];
  it.each(words)('no heredoc: %s', (text) => {
    expect(run(text).heredocs).toEqual([]);
    expect(run(text).at.lastLine).toBe(2);
  });

  it('takes delimiter, quoting, tabs and descriptor apart', () => {
    const found = run('RUN cat 3<<-"A B" 5<<C\n\tx\n\tA B\ny\nC');
    expect(found.heredocs).toEqual([
      { name: 'A B', content: 'x\n', expand: false, stripTabs: true, fd: 3 },
      { name: 'C', content: 'y\n', expand: true, stripTabs: false, fd: 5 },
    ]);
  });

  it.each([
    ["RUN <<eo'f'\nx\neof", 'eof', false],
    ["RUN <<eo\\'f\nx\neo'f", "eo'f", true],
    ["RUN <<'e'o\\'f\nx\neo'f", "eo'f", false],
    ["RUN <<'one two'\nx\none two", 'one two', false],
    ['RUN <<$EOF\nx\n$EOF', '$EOF', true],
    ['RUN <<${E:-x}\nx\n${E:-x}', '${E:-x}', true],
  ])('delimiter of %j', (text, name, expand) => {
    expect(run(text).heredocs).toEqual([{ name, content: 'x\n', expand, stripTabs: false, fd: 0 }]);
  });

  it('is not seen behind an open quote, as in BuildKit', () => {
    expect(() => run("RUN echo it's <<E\nx\nE")).toThrow('"x" is no instruction');
  });

  it('are sources of COPY and ADD, in order, beside the others', () => {
    expect(one("COPY a <<b.txt c <<-'d' /e/\nB\nb.txt\n\tD\n\td\n")).toMatchObject({
      sources: ['a', 'c'],
      dest: '/e/',
      heredocs: [
        { name: 'b.txt', content: 'B\n', expand: true },
        { name: 'd', content: 'D\n', expand: false },
      ],
    });
    expect(one('ADD <<a /b\nx\na')).toMatchObject({ keyword: 'ADD', sources: [], dest: '/b' });
  });

  it('history text leaves the bodies out', () => {
    expect(run('RUN cat <<E >x\nbody\nE').text).toBe('RUN cat <<E >x');
  });
});

describe('stages', () => {
  const file = parseContainerfile('ARG A=1\nFROM a AS x\nFROM b\nARG B\nFROM x AS X\nCOPY --from=1 . .', 'F');

  it('hold what follows their FROM', () => {
    expect(file.globalArgs.map(({ args }) => args[0]!.key)).toEqual(['A']);
    expect(
      file.stages.map(({ index, name, from, instructions: body }) => [index, name, from.image, body.length]),
    ).toEqual([
      [0, 'x', 'a', 0],
      [1, undefined, 'b', 1],
      [2, 'x', 'x', 1],
    ]);
  });

  it('a name given twice is a warning', () => {
    expect(file.warnings.map(({ at }) => at.line)).toEqual([5]);
  });

  const lookups: [string, number, boolean, number | undefined][] = [
    ['x', 2, true, 0],
    ['X', 3, true, 2],
    ['x', 0, true, undefined],
    ['1', 2, true, 1],
    ['1', 2, false, undefined],
    ['2', 2, true, undefined],
    ['nothing', 3, true, undefined],
  ];
  it.each(lookups)('%s seen from stage %i, numbers %s', (reference, before, numbers, want) => {
    expect(findStage(file, reference, before, numbers)?.index).toBe(want);
  });
});

describe('triggers', () => {
  const at = { file: 'F', line: 7, lastLine: 9 };

  it('are parsed where they fire', () => {
    expect(parseTrigger('COPY <<-E /x\n\t$a\nE', at)).toMatchObject({
      keyword: 'COPY',
      at,
      heredocs: [{ content: '$a\n', expand: true }],
    });
  });

  it.each([
    ['FROM a', 'FROM cannot be an ONBUILD trigger'],
    ['ONBUILD RUN a', 'ONBUILD cannot be an ONBUILD trigger'],
    ['MAINTAINER a', 'MAINTAINER cannot be an ONBUILD trigger'],
    ['', 'empty'],
    ['RUN a\nRUN b', 'one instruction'],
    ['RUN <<E\na', 'not terminated'],
    ['BLAH', 'no instruction'],
  ])('%j is none', (trigger, message) => {
    expect(() => parseTrigger(trigger, at)).toThrow(expect.objectContaining({ location: { file: 'F', line: 7 } }));
    expect(() => parseTrigger(trigger, at)).toThrow(message);
  });
});
