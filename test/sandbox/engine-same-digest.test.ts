// One recipe, one image index digest: whoever builds it, with what, where, and how many at once.

import { cpSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findProgram } from '../../src/sandbox/tools.ts';
import { busybox, checkout, isRoot, Lab, type Options, otherUser, self } from './engine.ts';
import { testRuntimes } from './harness.ts';

const runtimes = testRuntimes();
const TMPFS = 0x01021994;

/** Every kind of op, and what a careless builder would let in: times, umask, processors, order of folders, locale. */
const WORLD = `FROM recipes/tools AS work
WORKDIR /work/deep
COPY input/ /work/input/
RUN <<EOF
set -eu
for i in 9 3 5 1; do echo $i >file$i; done
ln file9 hard; ln -s file3 soft; mkfifo fifo; mkdir -m 2750 setgid; chmod 4711 file1
date >/work/now; touch /work/touched
sort /work/input/lines >/work/sorted
{ umask; hostname; id; env | sort; cat /etc/hosts /etc/resolv.conf; ulimit -n; } >/work/story
rm /etc/group; echo more >>/etc/passwd
rm /work/now
EOF

FROM recipes/tools AS left
RUN mkdir /left && echo left >/left/a
FROM recipes/tools AS right
RUN mkdir /right && echo right >/right/b

FROM recipes/tools
COPY --from=left /left /left
COPY --from=right /right /right
COPY --from=work / /
RUN --mount=type=bind,from=left,target=/mnt cp /mnt/left/a /copied
ENV A=1
CMD ["/bin/sh"]
`;

const INPUT = { 'input/lines': 'b\na\nB\n\u00e4\n', 'input/sub/x': 'x', 'input/z': 'z', 'input/A': 'A' };

function makeTree(lab: Lab, name: string): string {
  return lab.tree(name, {
    tools: {
      Containerfile:
        'FROM scratch\nCOPY --chmod=0755 busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n' +
        'COPY passwd group /etc/\n',
      passwd: 'root:x:0:0::/root:/bin/sh\n',
      group: 'root:x:0:\n',
      busybox: readFileSync(busybox!),
    },
    world: { Containerfile: WORLD, ...INPUT },
  });
}

describe.skipIf(busybox === undefined || runtimes.length === 0)('the same image index', () => {
  const labs: Lab[] = [];
  let lab: Lab;
  let tree: string;
  let expected: string;
  let stores = 0;

  beforeAll(() => {
    lab = another(self);
    tree = makeTree(lab, 'tree');
    const first = lab.runRecipes(tree, ['world']);
    expect(first.stderr + first.stdout).toMatch(/recipes\/world sha256:/);
    expected = first.digest;
  });
  afterAll(() => {
    for (const each of labs) each.remove();
  });

  function another(user: typeof self): Lab {
    const made = new Lab(user);
    labs.push(made);
    return made;
  }

  /** Builds everything again, in a store of its own, and gives the digest. */
  function rebuild(options: Options & { readonly flags?: readonly string[]; readonly by?: Lab } = {}): string {
    const by = options.by ?? lab;
    const store = by.otherStore(options.store ?? by.path(`store-${++stores}`));
    const where = by === lab ? tree : makeTree(by, 'tree');
    const result = by.runRecipes(where, ['world', ...(options.flags ?? [])], { ...options, store });
    expect(result.status, result.stderr).toBe(0);
    // Nothing of it was there before.
    expect(result.ran).toBeGreaterThan(8);
    expect(result.cached).toBe(0);
    by.inside(['rm', '-rf', store]);
    return result.digest;
  }

  const HOWS: readonly [runtime: 'runc' | 'crun', jobs: string, processors: string][] = [
    ['runc', '1', '0'],
    ['crun', '8', '0,1'],
  ];
  test.for(HOWS)('with %s, --jobs %s, on the processors %s', ([runtime, jobs, processors], context) => {
    if (!runtimes.includes(runtime)) context.skip(`${runtime} is not installed`);
    const hasChoice = availableParallelism() > 1 && findProgram('taskset') !== undefined;
    if (!hasChoice) console.log('the processor count is not covered: taskset or a second processor is missing');
    const through = hasChoice ? ['taskset', '-c', processors] : [];
    expect(rebuild({ flags: ['--runtime', runtime, '--jobs', jobs], through })).toBe(expected);
  });

  test('with the store on a tmpfs and on a file system of another kind', () => {
    const kinds = ['/dev/shm', tmpdir()].map((path) => statfsSync(path).type === TMPFS);
    if (kinds[0] !== true || kinds[1] === true) console.log(`/dev/shm, ${tmpdir()}: tmpfs? ${kinds.join(', ')}`);
    expect(rebuild({ store: `/dev/shm/ocibuild-test-${process.pid}` })).toBe(expected);
  });

  test('as root and as an unprivileged user', (context) => {
    if (otherUser === undefined) context.skip('needs root, and a user with a line in /etc/subuid');
    expect(rebuild({ by: another(otherUser!) })).toBe(expected);
  });

  test('with one id alone', (context) => {
    if (isRoot && otherUser === undefined) context.skip('root always has a range, and there is no other user');
    const by = isRoot ? another(otherUser!) : lab;
    expect(rebuild({ by, env: { OCIBUILD_SINGLE_ID: '1' } })).toBe(expected);
  });

  test('in another checkout, at another path, with another tree', () => {
    const program = lab.path('some where/else');
    cpSync(checkout(), program, { recursive: true });
    const other = makeTree(lab, 'the second/tree');
    const store = lab.otherStore(lab.path('a store'));
    const result = lab.run(['--tree', other, 'run', 'world'], { program, store });
    expect(result.stdout).toContain(expected);
    rmSync(program, { recursive: true });
  });

  const SURROUNDINGS: readonly [name: string, options: Options][] = [
    [
      'umask 077, low limits, another time zone, locale and SOURCE_DATE_EPOCH',
      {
        through: ['sh', '-c', 'umask 077; ulimit -Sn 512; ulimit -c 0; exec "$@"', 'sh'],
        env: { TZ: 'Asia/Kolkata', LANG: 'de_DE.UTF-8', LC_ALL: 'C.UTF-8', SOURCE_DATE_EPOCH: '1234567890' },
      },
    ],
    [
      'umask 000, another HOME and cwd, and proxies',
      {
        through: ['sh', '-c', 'umask 000; exec "$@"', 'sh'],
        cwd: '/',
        env: { HOME: '/nonexistent', HTTP_PROXY: 'http://localhost:1', no_proxy: 'a', HOSTNAME: 'x', USER: 'nobody' },
      },
    ],
  ];
  test.each(SURROUNDINGS)('with %s', (_, options) => {
    expect(rebuild(options)).toBe(expected);
  });

  test('and another one when a byte of the recipe differs', () => {
    const changed = makeTree(lab, 'changed');
    lab.write('changed/recipes/world', { 'input/A': 'B' });
    expect(lab.runRecipes(changed, ['world']).digest).not.toBe(expected);
  });
});
