// Whatever the bytes are: a result, or an error of ours with a location.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toParseJson } from '../../../src/containerfile/describe.ts';
import { expandHeredoc, expandInstruction, expandWord, expandWords } from '../../../src/containerfile/expand.ts';
import { matchGlob } from '../../../src/containerfile/glob.ts';
import { parseIgnore } from '../../../src/containerfile/ignore.ts';
import { lintContainerfile } from '../../../src/containerfile/lint.ts';
import { parseContainerfile, parseTrigger } from '../../../src/containerfile/parse.ts';
import { BuildError } from '../../../src/errors.ts';

const SAMPLE = `# syntax=docker/dockerfile:1
# escape=\\
ARG A=1 B="x y" C
FROM --platform=$BUILDPLATFORM alpine:\${A:-3}@sha256:00 AS base
RUN --mount=type=cache,target=/c,sharing=locked --network=none \\
  # comment

  make && [ -d x ] || y
RUN <<-"EOF" cat >/x && 3<<B cat
	a $b
	EOF
c
B
COPY --from=0 --chown=1:2 --chmod=u=rwX --link --exclude=*.o <<f.txt a* /d/
\${x:+\${y##*/}} \\$z
f.txt
ENV a=b "c"='d' e\\ f=$a\${a/x/y}
ENV old form
LABEL a="b\\
  c"
HEALTHCHECK --interval=1m30s --retries=3 CMD ["x", "\\u0041"]
ONBUILD ADD --unpack=false x y
EXPOSE 80/tcp 90-92/udp
VOLUME ["/a"]
SHELL ["/bin/sh", "-c"]
STOPSIGNAL \${SIG:-9}
USER a:b
WORKDIR /\${A%%x*}
ENTRYPOINT []
CMD a
MAINTAINER x
`;
const values = new Map([
  ['a', 'foo bar'],
  ['x', ''],
  ['A', '/usr/lib'],
]);
const lookup = (name: string): string | undefined => values.get(name);

/** Runs it; an error must be ours, tell where, and say something. */
function ours(action: () => void, file: string): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    expect(['PARSE', 'EXPAND']).toContain(error.code);
    expect(error.location?.file).toBe(file);
    expect(error.location?.line).toBeGreaterThan(0);
    expect(error.message.length).toBeGreaterThan(5);
    return false;
  }
}

function everything(text: string | Uint8Array): boolean {
  return ours(() => {
    const file = parseContainerfile(text, 'F');
    const lines = Buffer.from(text).toString('latin1').split('\n').length;
    const all = [...file.globalArgs, ...file.stages.flatMap((stage) => [stage.from, ...stage.instructions])];
    let last = 0;
    for (const { at } of all) {
      // Instructions stand one after the other, inside the file.
      expect(at.line).toBeGreaterThan(last);
      expect(at.lastLine).toBeGreaterThanOrEqual(at.line);
      expect(at.lastLine).toBeLessThanOrEqual(lines);
      last = at.lastLine;
    }
    toParseJson(file);
    lintContainerfile(file);
    for (const instruction of all) {
      ours(() => {
        const expanded = expandInstruction(instruction, lookup, file.directives.escape);
        expect(expanded.keyword).toBe(instruction.keyword);
        if (expanded.keyword === 'ONBUILD') parseTrigger(expanded.trigger, expanded.at);
      }, 'F');
    }
  }, 'F');
}

const pieces = fc.constantFrom(
  ...SAMPLE.split('\n'),
  ...[
    '<<',
    '<<-EOF',
    'EOF',
    '${',
    '}',
    '"',
    "'",
    '\\',
    '`',
    '$',
    '[',
    ']',
    '--',
    '=',
    ',',
    '\n',
    '\r',
    '\t',
    '\0',
    '\u0085',
    '\ufeff',
    'é',
    '😀',
    '\ud800',
  ],
  '# escape=`',
  'FROM a',
);

describe('Containerfiles', () => {
  it('the sample itself is valid', () => {
    expect(everything(SAMPLE)).toBe(true);
  });

  it('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void everything(bytes)),
      { numRuns: 500 },
    );
  });

  it('random text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => void everything(`FROM a\n${text}`)),
      { numRuns: 500 },
    );
  });

  it('random pieces of a valid file', () => {
    const text = fc.array(fc.tuple(pieces, fc.constantFrom('', ' ', '\n')), { maxLength: 30 });
    fc.assert(
      fc.property(text, (parts) => void everything(`FROM a\n${parts.flat().join('')}`)),
      { numRuns: 600 },
    );
  });

  it('a valid file with a few bytes changed', () => {
    const original = Buffer.from(SAMPLE);
    const edit = fc.tuple(fc.nat(original.length - 1), fc.nat(3), fc.oneof(pieces, fc.string({ maxLength: 3 })));
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        let bytes: Buffer = original;
        for (const [at, removed, added] of edits) {
          bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(added), bytes.subarray(at + removed)]);
        }
        if (everything(bytes)) accepted++;
      }),
      { numRuns: 800 },
    );
    // Not everything is refused, or this would test little.
    expect(accepted).toBeGreaterThan(50);
  });

  it('a file cut anywhere', () => {
    for (let end = 0; end <= SAMPLE.length; end += 3) everything(SAMPLE.slice(0, end));
  });

  it('CRLF and LF mean the same outside heredocs', () => {
    const plain = SAMPLE.split('\n')
      .filter((line) => !line.includes('<<') && !/^(\t|c$|B$|f\.txt|\$\{x)/.test(line))
      .join('\n');
    const read = (text: string) => toParseJson(parseContainerfile(text, 'F'));
    expect(read(plain.replaceAll('\n', '\r\n'))).toEqual(read(plain));
  });
});

describe('words', () => {
  const at = { file: 'F', line: 1 };
  const text = fc.array(
    fc.oneof(pieces, fc.constantFrom('${a', ':-', '#', '%', '/', '//', '*', '?', 'a', '}', ' '), fc.string()),
    { maxLength: 12 },
  );

  it('expand or say why not', () => {
    fc.assert(
      fc.property(text, fc.constantFrom('\\' as const, '`' as const), (parts, mark) => {
        const word = parts.join('');
        ours(() => void expandWord(word, lookup, { escape: mark, at }), 'F');
        ours(() => void expandWords(word, lookup, { escape: mark, at, keepUnknown: true }), 'F');
        ours(() => void expandHeredoc(word, lookup, at), 'F');
      }),
      { numRuns: 2000 },
    );
  });

  it('without anything special stay as they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (word) => {
        const plain = word.replace(/[$'"\\]/g, '');
        expect(expandWord(plain, lookup, { escape: '\\', at })).toBe(plain);
      }),
    );
  });

  it('in single quotes stay as they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (word) => {
        const quoted = word.replaceAll("'", '');
        expect(expandWord(`'${quoted}'`, lookup, { escape: '\\', at })).toBe(quoted);
      }),
    );
  });
});

describe('paths', () => {
  const raw = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

  it('every path matches itself, escaped', () => {
    fc.assert(
      fc.property(raw, (path) => {
        expect(matchGlob(path.replace(/[*?[\\]/g, '\\$&'), path)).toBe(true);
      }),
    );
  });

  it('without ** the matcher agrees with a regular expression', () => {
    const pattern = fc
      .array(fc.constantFrom('a', 'b', '?', '*', '/'), { maxLength: 8 })
      .map((parts) => parts.join('').replace(/\*+/g, '*'));
    const path = fc.array(fc.constantFrom('a', 'b', '/'), { maxLength: 8 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(pattern, path, (glob, name) => {
        const regexp = new RegExp(`^${glob.replace(/\*/g, '[^/]*').replace(/\?/g, '[^/]')}$`);
        expect(matchGlob(glob, name)).toBe(regexp.test(name));
      }),
      { numRuns: 2000 },
    );
  });

  it('with ** too', () => {
    const pattern = fc
      .array(fc.constantFrom('a', '*', '**', '**/', '/'), { maxLength: 6 })
      .map((parts) => parts.join('').replace(/\*{3,}/g, '**'));
    const path = fc.array(fc.constantFrom('a', 'b', '/'), { maxLength: 8 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(pattern, path, (glob, name) => {
        const source = glob.replace(/\*\*\/?$|\*\*\/?|\*/g, (found, offset: number) => {
          if (found === '*') return '[^/]*';
          return offset + found.length === glob.length ? '.*' : '(.*/)?';
        });
        expect(matchGlob(glob, name)).toBe(new RegExp(`^${source}$`).test(name));
      }),
      { numRuns: 3000 },
    );
  });

  it('ignore files are read or refused', () => {
    const text = fc.array(
      fc.constantFrom('!', '*', '**', '/', 'a', '[', ']', '\\', '\n', '#', ' ', '..', '.', 'é', '\r'),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(text, raw, (parts, path) => {
        ours(() => {
          const rules = parseIgnore(parts.join(''), 'F');
          rules.ignores(path, false);
          rules.mayContainExceptions(path);
        }, 'F');
      }),
      { numRuns: 600 },
    );
  });

  it('a directory without exceptions hides all that is in it', () => {
    const part = fc.constantFrom('a', 'b', 'c');
    const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
    const line = fc
      .tuple(fc.constantFrom('', '!'), fc.oneof(path, fc.constantFrom('*', '**/a', 'a/*', 'a/**', '*/b', 'b*')))
      .map(([mark, rule]) => mark + rule);
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), path, path, (lines, directory, below) => {
        const rules = parseIgnore(lines.join('\n'));
        if (!rules.ignores(directory, true) || rules.mayContainExceptions(directory)) return;
        expect(rules.ignores(`${directory}/${below}`, false)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });
});
