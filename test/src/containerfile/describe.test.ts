import { expect, it } from 'vitest';
import { toParseJson } from '../../../src/containerfile/describe.ts';
import { parseContainerfile } from '../../../src/containerfile/parse.ts';

it('says what every instruction was read as', () => {
  const text = [
    '# escape=`',
    'ARG v=1 w',
    'FROM --platform=linux/amd64 a:$v AS b',
    'RUN --mount=target=/x --network=none <<-EOF',
    '\techo',
    'EOF',
    'CMD ["a", "b"]',
    'ENV k=v l="w"',
    'HEALTHCHECK NONE',
    'COPY --link <<f a /',
    'x',
    'f',
    'FROM scratch',
  ].join('\n');
  const parsed = toParseJson(parseContainerfile(text, 'F'));
  expect(JSON.parse(JSON.stringify(parsed))).toEqual(parsed);
  expect(parsed.directives).toEqual({ escape: '`' });
  expect(parsed.globalArgs).toEqual([
    { name: 'v', default: '1', line: 2 },
    { name: 'w', default: null, line: 2 },
  ]);
  expect(parsed.stages).toEqual([
    { index: 0, name: 'b', image: 'a:$v', platform: 'linux/amd64', firstLine: 3, lastLine: 12 },
    { index: 1, name: null, image: 'scratch', platform: null, firstLine: 13, lastLine: 13 },
  ]);
  const rows = parsed.instructions.map((i) => [i.keyword, i.stage, i.firstLine, i.lastLine, i.form, i.arguments]);
  expect(rows).toEqual([
    ['ARG', null, 2, 2, null, ['v=1', 'w']],
    ['FROM', 0, 3, 3, null, ['a:$v', 'AS', 'b']],
    ['RUN', 0, 4, 6, 'shell', ['echo\n']],
    ['CMD', 0, 7, 7, 'json', ['a', 'b']],
    ['ENV', 0, 8, 8, null, ['k=v', 'l="w"']],
    ['HEALTHCHECK', 0, 9, 9, null, ['NONE']],
    ['COPY', 0, 10, 12, null, ['a', '/']],
    ['FROM', 1, 13, 13, null, ['scratch']],
  ]);
  expect(parsed.instructions[2]).toMatchObject({
    flags: [
      { name: 'mount', value: 'target=/x' },
      { name: 'network', value: 'none' },
    ],
    mounts: [{ type: 'bind', target: '/x' }],
    heredocs: [{ name: 'EOF', content: 'echo\n', expand: true, stripTabs: true, fd: 0 }],
    text: 'RUN --mount=target=/x --network=none <<-EOF',
  });
});

it('has a row for every keyword', () => {
  const lines = [
    'FROM a',
    'ARG a',
    'ENV a=b',
    'LABEL a=b',
    'RUN a',
    'COPY a b',
    'ADD a b',
    'WORKDIR a',
    'USER a',
    'CMD a',
    'ENTRYPOINT a',
    'SHELL ["a"]',
    'EXPOSE 1',
    'VOLUME a',
    'STOPSIGNAL 1',
    'HEALTHCHECK CMD a',
    'ONBUILD RUN a',
    'MAINTAINER a',
  ];
  const { instructions } = toParseJson(parseContainerfile(lines.join('\n'), 'F'));
  expect(instructions.map(({ keyword }) => keyword)).toEqual(lines.map((line) => line.split(' ')[0]));
  for (const { arguments: words } of instructions) expect(words.length).toBeGreaterThan(0);
});
