// A recipe built on several origins: one image whatever their order, and a failure that says what differs first.

import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busybox, Lab } from './engine.ts';
import { testRuntimes } from './harness.ts';

const TOML = '[package]\nversion = "1"\n';

describe.skipIf(busybox === undefined || testRuntimes().length === 0)('an agreement', () => {
  let lab: Lab;
  beforeAll(() => {
    lab = new Lab();
  });
  afterAll(() => lab.remove());

  /** Two origins with a busybox each and a file that tells them apart; the pair's recipe is given, and what stands on it. */
  function tree(name: string, pair: string, origins: readonly string[]): string {
    const base = (mark: string): string => `FROM recipes/tools\nRUN echo ${mark} >/mark\n`;
    return lab.tree(name, {
      tools: {
        Containerfile:
          'FROM scratch\nCOPY --chmod=0755 busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n',
        busybox: readFileSync(busybox!),
      },
      one: { Containerfile: base('one') },
      other: { Containerfile: base('other') },
      pair: {
        Containerfile: pair,
        'package.toml': `${TOML}\n[agreement]\norigins = [\n${origins.map((each) => `  "${each}",\n`).join('')}]\n`,
      },
      user: {
        Containerfile: 'FROM recipes/pair\nCOPY --from=recipes/tools /bin/busybox /bin/sh\nRUN cat /same >/read\n',
      },
    });
  }

  const AGREES =
    'FROM origin AS build\nRUN sort /mark >/dev/null; echo same >/same\nFROM scratch\nCOPY --from=build /same /same\n';
  const DIFFERS = 'FROM origin AS build\nRUN cp /mark /same\nFROM scratch\nCOPY --from=build /same /same\n';

  test('is one image, whatever the order of its origins, and others stand on it', () => {
    const one = lab.runRecipes(tree('forth', AGREES, ['recipes/one', 'recipes/other']), ['pair']);
    expect(one.stderr + one.stdout).toMatch(/recipes\/pair sha256:/);
    const other = lab.runRecipes(tree('back', AGREES, ['recipes/other', 'recipes/one']), ['pair']);
    expect(other.digest).toBe(one.digest);
    const user = lab.runRecipes(lab.path('forth'), ['user']);
    expect(user.status).toBe(0);
    const again = lab.runRecipes(lab.path('forth'), ['user']);
    expect([again.digest, again.ran]).toEqual([user.digest, 0]);
  });

  test('leaves out what its start led to', () => {
    // What is built on the start keeps its mark; what is built on that has none any more.
    const keeps = `FROM origin AS build
RUN if [ -e /mark ]; then cp /mark /same; else echo same >/same; fi
FROM recipes/tools
COPY --from=build /same /same
`;
    const directory = tree('start', keeps, ['start', 'self']);
    appendFileSync(join(directory, 'recipes/pair/package.toml'), 'start = "recipes/one"\n');
    const built = lab.runRecipes(directory, ['pair']);
    expect(built.stderr + built.stdout).toContain('recipes/pair from start');
    expect(built.status).toBe(0);
    const user = lab.runRecipes(directory, ['user']);
    expect(user.status).toBe(0);
    const exported = lab.run(['--tree', directory, 'export', 'recipes/pair', lab.path('start-export')]);
    expect([exported.status, exported.stderr]).toEqual([
      2,
      expect.stringContaining('is built on what it led to itself'),
    ]);
  });

  test('is reproduced with all of its builds', () => {
    const directory = tree('again', AGREES, ['recipes/one', 'recipes/other']);
    const built = lab.runRecipes(directory, ['pair']);
    expect(built.status).toBe(0);
    const again = lab.run(['--tree', directory, 'reproduce', 'recipes/pair', '--out', lab.path('again/out'), '--json']);
    expect(again.stderr + again.stdout).toContain('recipes/pair from recipes/other');
    expect(again.status).toBe(0);
  });

  test('that is none stops the build before anything stands on it, and names the origin and the first difference', () => {
    const failed = lab.runRecipes(tree('apart', DIFFERS, ['recipes/one', 'recipes/other']), ['user']);
    expect(failed.status).toBe(1);
    const text = failed.stderr + failed.stdout;
    expect(text).toMatch(
      /recipes\/pair\/package\.toml:7: CHECK_FAILED: recipes\/pair: its origins do not lead to one image/,
    );
    expect(text).toMatch(/recipes\/pair from recipes\/one\b/);
    expect(text).toMatch(/recipes\/pair from recipes\/other\b/);
    expect(text).toMatch(/the first difference: .*\/?same/);
    expect(text).not.toMatch(/cat \/same/);
    expect(lab.runRecipes(lab.path('apart'), ['pair']).status).toBe(1);
  });
});
