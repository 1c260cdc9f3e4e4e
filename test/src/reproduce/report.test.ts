import { describe, expect, test } from 'vitest';
import { verdictHtml } from '../../../src/reproduce/report-html.ts';
import { outcomeOf, verdictText } from '../../../src/reproduce/report-text.ts';
import type { ImageVerdict, Verdict } from '../../../src/reproduce/verdict.ts';
import { digest } from './facts.ts';

const SOUND: ImageVerdict = {
  name: 'recipes/sound',
  platform: 'linux/amd64',
  isRequested: true,
  manifest: digest('a'),
  index: digest('b'),
  comparisons: [{ with: 'out/sound', outcome: 'same', want: digest('a'), got: digest('a') }],
  variations: [{ name: 'hostname', kind: 'inside', outcome: 'survived', detail: 'ocibuild and elsewhere' }],
};

const HOSTILE = `<script>alert("1")</script> & 'two' \x1b[31mred`;

const DIFFERENT: ImageVerdict = {
  ...SOUND,
  name: 'recipes/different',
  comparisons: [
    {
      with: 'recipes/digests.txt',
      outcome: 'different',
      want: digest('c'),
      got: digest('a'),
      location: { file: 'recipes/digests.txt', line: 7 },
    },
  ],
  variations: [
    { name: 'hostname', kind: 'inside', outcome: 'changed', detail: 'hostname alone changes it' },
    { name: 'calendar', kind: 'inside', outcome: 'not varied', detail: HOSTILE },
  ],
  difference: {
    first: 'an ordinary build',
    second: 'one with another hostname',
    cause: { kind: 'each', variations: ['hostname'], sentence: 'hostname alone changes it' },
    place: {
      type: 'files',
      step: {
        target: 'recipes/different',
        stage: 'build',
        step: 3,
        text: `RUN ${HOSTILE}`,
        location: { file: 'recipes/different/Containerfile', line: 9 },
      },
      files: [
        {
          path: 'out/lib.a',
          fields: [
            { field: 'mode', first: '0644', second: '0664' },
            { field: 'content', first: '8 bytes', second: '9 bytes' },
          ],
          inside: [
            {
              kind: 'changed',
              field: 'ar.mtime',
              left: '1',
              right: '2',
              inner: [{ kind: 'ar member', name: 'one.o' }],
            },
          ],
        },
        { path: 'out/extra', fields: [{ field: 'existence', second: 'file' }], inside: [] },
      ],
      more: 2,
    },
  },
};

const VERDICT: Verdict = {
  isReproduced: false,
  images: [SOUND, DIFFERENT],
  executed: 12,
  hits: 0,
  builds: 5,
  problems: ['calendar is required, and recipes/sound: not varied'],
  notPermitted: [{ name: 'calendar', reason: HOSTILE }],
};

test('as text, it names the variation, the step, the file, and what in it', () => {
  const text = verdictText(VERDICT, false);
  expect(text).not.toContain('\x1b');
  for (const line of [
    `recipes/sound linux/amd64 ${digest('a')} reproduced`,
    '  same as out/sound',
    '  survived: hostname',
    `  recipes/digests.txt:7: different: want ${digest('c')}, got ${digest('a')}`,
    '    hostname (inside): changed: hostname alone changes it',
    '    cause: hostname: hostname alone changes it',
    '    file: out/lib.a: mode: 0644 and 0664',
    '      out/lib.a: content ar.mtime: ar member one.o: changed',
    '    file: out/extra: only in the second build (a file)',
    '    and 2 more files',
    'problem: calendar is required, and recipes/sound: not varied',
    'ops: 12 executed, 0 cache hits; builds: 5',
    'NOT reproduced: 1 of 2 are not as they should be',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
  expect(text).toMatch(/step: recipes\/different\/Containerfile:9: recipes\/different, stage build, step 3: RUN /);
  // What survived is only counted, unless somebody wants to see it.
  expect(text).not.toContain('ocibuild and elsewhere');
  expect(verdictText(VERDICT, true)).toContain('hostname (inside): survived: ocibuild and elsewhere');
});

describe('as a page', () => {
  const page = verdictHtml(VERDICT);
  test('nothing of a report becomes markup', () => {
    expect(page).not.toContain('<script');
    expect(page).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;two&#39;');
    expect(page).not.toContain('\x1b');
  });
  test('nothing is loaded from anywhere', () => {
    expect(page).not.toMatch(/\b(src|href)="(?!#)/);
    expect(page).not.toMatch(/url\(|@import|https?:/);
    expect(page).toContain("default-src 'none'");
  });
  test('it says the same', () => {
    for (const part of [
      'Not reproduced',
      'recipes/different',
      'out/lib.a',
      'ar member one.o',
      'hostname alone changes it',
    ]) {
      expect(page).toContain(part);
    }
  });
  test('every element that is opened is closed', () => {
    const open: string[] = [];
    for (const [, slash, name] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*>/g)) {
      if (name === 'meta') continue;
      if (slash === '') open.push(name!);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });
});

test.each([
  ['what was there before is another', { comparisons: DIFFERENT.comparisons }, 'different'],
  ['the sandbox leaks', { variations: [{ ...SOUND.variations[0]!, outcome: 'leaked' as const }] }, 'leaking'],
  ['something hides the rest', { variations: [{ ...SOUND.variations[0]!, outcome: 'unknown' as const }] }, 'unknown'],
  ['all is well', {}, 'reproduced'],
])('one word for an image: %s', (_, change, want) => {
  expect(outcomeOf({ ...SOUND, ...change })).toBe(want);
});
