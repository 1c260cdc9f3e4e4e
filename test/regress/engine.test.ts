// Bugs of the engine, each under the name of what a user saw.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busybox, isRoot, Lab, otherUser, self } from '../sandbox/engine.ts';
import { testRuntimes } from '../sandbox/harness.ts';

describe.skipIf(busybox === undefined || testRuntimes().length === 0)('the engine', () => {
  let lab: Lab;
  beforeAll(() => {
    lab = new Lab();
    lab.base();
  });
  afterAll(() => lab.remove());

  test('a failing step was noticed only when the other inputs of the last stage had ended', () => {
    const text =
      'FROM base AS a\nRUN sleep 30; echo >/a\nFROM base AS b\nRUN sleep 0.3; exit 5\n' +
      'FROM base\nCOPY --from=a /a /a\nCOPY --from=b /bin/sh /b\n';
    const started = performance.now();
    const result = lab.build(text, ['--jobs', '2']);
    expect(result.stderr).toMatch(/Containerfile:4: STEP_FAILED.*exit status 5/);
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  test('gc took every build of the last ten minutes for a running one', () => {
    const store = lab.otherStore(lab.path('store-of-gc'));
    for (const [line, status] of [
      ['true', 0],
      ['false', 1],
    ] as const) {
      expect(lab.build(`FROM base\nRUN ${line}\n`, [], { store }).status).toBe(status);
      expect(lab.run(['gc'], { store })).toMatchObject({ status: 0, stderr: '' });
    }
  });

  test('a COPY of what is not there, or of what a stage does not have, named no line', () => {
    expect(lab.build('FROM base\nCOPY no /x\n').stderr).toMatch(/Containerfile:2: COPY: no is not there/);
    const stage = lab.build('FROM base AS a\nFROM base\nCOPY --from=a /no /x\n');
    expect(stage.stderr).toMatch(/Containerfile:3: COPY: \/no is not there/);
    const mount = lab.build('FROM base\nRUN --mount=type=bind,source=no,target=/m true\n');
    expect(mount.stderr).toMatch(/Containerfile:2: COPY: no is not there/);
  });

  test('`id` told a step of a machine with one id apart from others', (context) => {
    if (isRoot && otherUser === undefined) context.skip('root always has a range, and there is no other user');
    const user = isRoot ? new Lab(otherUser!) : new Lab(self);
    try {
      const [ranged, single] = ['0', '1'].map((flag) =>
        user.build('FROM base\nRUN id >/id; id -G >>/id\n', ['--no-cache'], { env: { OCIBUILD_SINGLE_ID: flag } }),
      );
      expect(single!.status, single!.stderr).toBe(0);
      expect(single!.digest).toBe(ranged!.digest);
    } finally {
      user.remove();
    }
  });
});
