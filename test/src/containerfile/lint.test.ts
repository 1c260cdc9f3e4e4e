import { describe, expect, it } from 'vitest';
import { type LintOptions, lintContainerfile } from '../../../src/containerfile/lint.ts';
import { parseContainerfile } from '../../../src/containerfile/parse.ts';

/** `line code` of every finding. */
function lint(text: string, options?: LintOptions): string[] {
  return lintContainerfile(parseContainerfile(text, 'F'), options).map(({ at, code }) => `${at.line} ${code}`);
}

describe('findings', () => {
  const cases: [string, string, string[]][] = [
    ['a clean file', 'ARG v=1\nFROM a:$v AS x\nWORKDIR /\nFROM scratch\nCOPY --from=x / /\nCMD ["x"]', []],
    // variables
    [
      'FROM sees no ENV and no stage ARG',
      'FROM a:1 AS x\nARG v\nFROM b:$v\nCOPY --from=x . .',
      ['3 undefined-variable'],
    ],
    ['FROM sees the platform', 'FROM --platform=$BUILDPLATFORM a:1', []],
    ['a default is no finding', 'FROM a:${v:-1}', []],
    ['a global ARG uses a later one', 'ARG a=$b\nARG b=1\nFROM x:$a$b', ['1 undefined-variable']],
    ['on scratch every name is known', 'FROM scratch\nENV a=$PATH:$b\nENV c=$a', ['2 undefined-variable']],
    ['an ENV line sees the names before it', 'FROM scratch\nENV a=1 b=$a', ['2 undefined-variable']],
    ['on a foreign image none is', 'FROM a:1\nENV a=$b', []],
    ['stages inherit', 'FROM scratch AS a\nARG x\nFROM a\nUSER $x$y', ['4 undefined-variable']],
    ['quoted is no variable', "FROM scratch\nENV a='$b' c=\\$d", []],
    ['heredocs count', 'FROM scratch\nCOPY <<a <<"b" /c\n$x\na\n$y\nb', ['2 undefined-variable']],
    ['command lines do not', 'FROM scratch\nRUN echo $x\nCMD $y', []],
    ['what cannot be expanded is not judged', 'FROM scratch\nUSER ${x', []],
    // references
    ['an unused stage', 'FROM scratch AS a\nFROM scratch', ['1 unused-stage']],
    ['used by FROM', 'FROM scratch AS a\nFROM A', []],
    ['used by number', 'FROM scratch\nFROM scratch\nCOPY --from=0 . .', []],
    ['used by a mount', 'FROM scratch AS a\nFROM scratch\nRUN --mount=from=a,target=/a x', []],
    ['perhaps used by a variable', 'ARG s=a\nFROM scratch AS a\nFROM $s', []],
    [
      'a stage that comes later',
      'FROM scratch\nCOPY --from=b . .\nFROM scratch AS b',
      ['1 unused-stage', '2 later-stage'],
    ],
    ['itself', 'FROM scratch AS a\nCOPY --from=a . .', ['2 later-stage']],
    [
      'no tag',
      'FROM a\nFROM b/c:1\nFROM h:5000/d\nFROM e@sha256:0',
      ['1 unused-stage', '1 untagged-image', '2 unused-stage', '3 untagged-image', '3 unused-stage'],
    ],
    // instructions
    [
      'CMD twice',
      'FROM scratch\nCMD a\nCMD b\nENTRYPOINT c\nFROM scratch\nCMD d',
      ['1 unused-stage', '2 overridden-instruction'],
    ],
    ['MAINTAINER', 'FROM scratch\nMAINTAINER x', ['2 maintainer']],
    ['ENV without =', 'FROM scratch\nENV a b\nLABEL c d\nENV a=b', ['2 old-pair', '3 old-pair']],
    ['nearly JSON', "FROM scratch\nCMD ['a', 'b']\nRUN [ -d x ]\nRUN [ \"$x\" = y ]", ['2 json-like']],
    ['nearly JSON, a comma too many', 'FROM scratch\nENTRYPOINT ["a",]', ['2 json-like']],
    ['WORKDIR on a foreign image', 'FROM a:1 AS b\nWORKDIR x\nWORKDIR y\nFROM b\nWORKDIR z', ['2 relative-workdir']],
    ['WORKDIR on scratch', 'FROM scratch\nWORKDIR x', []],
    ['WORKDIR after an absolute one', 'FROM a:1\nWORKDIR /x\nWORKDIR y', []],
    ['WORKDIR in a variable', 'FROM a:1\nWORKDIR $x', []],
  ];
  it.each(cases)('%s', (_, text, want) => {
    expect(lint(text).sort()).toEqual([...want].sort());
  });

  it('what is local needs no tag', () => {
    expect(lint('FROM ns/a', { isLocal: (reference) => reference === 'ns/a' })).toEqual([]);
  });
});
