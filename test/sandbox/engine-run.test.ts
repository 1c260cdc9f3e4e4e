// What a RUN can say, what it finds, and how it fails.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busybox, Lab, readImage } from './engine.ts';
import { testRuntimes } from './harness.ts';

describe.skipIf(busybox === undefined || testRuntimes().length === 0)('RUN', () => {
  let lab: Lab;
  beforeAll(() => {
    lab = new Lab();
    lab.base();
  });
  afterAll(() => lab.remove());

  /** Builds FROM base with the lines, and gives the text of /out. */
  function out(lines: string, args: readonly string[] = [], files: Record<string, string> = {}): string {
    const folder = lab.path(`rootfs-${Math.random().toString(36).slice(2)}`);
    const context = lab.context(`FROM base\n${lines}\n`, files);
    const result = lab.build(context, [...args, '--output', `rootfs:${folder}`]);
    if (result.status !== 0) return `status ${result.status}: ${result.stderr}`;
    return readFileSync(join(folder, 'out'), 'utf8');
  }

  const FORMS: readonly [name: string, lines: string, out: string][] = [
    ['shell form', 'RUN echo a $((1+1)) "b  c" >/out', 'a 2 b  c\n'],
    ['exec form', 'RUN ["/bin/sh", "-c", "echo \\"$0 $1\\" >/out", "zero", "a  b"]', 'zero a  b\n'],
    ['exec form with a variable of its own', 'ENV A=1\nRUN ["/bin/sh", "-c", "echo \\"$A\\" >/out"]', '1\n'],
    ['continued lines', 'RUN echo a \\\n# between\n  b >/out', 'a b\n'],
    ['a heredoc', 'RUN <<EOF\necho one >/out\necho "$A two" >>/out\nEOF', 'one\n two\n'],
    ['a quoted heredoc', 'ARG A=x\nRUN <<\'EOF\'\necho "$A" >/out\nEOF', 'x\n'],
    ['a heredoc with tabs', 'RUN <<-EOF\n\techo tab >/out\n\tEOF', 'tab\n'],
    ['a heredoc for a command', 'RUN cat <<EOF >/out\nline $((1+1))\nEOF', 'line 2\n'],
    ['two heredocs', 'RUN cat <<A >/out && cat <<B >>/out\na\nA\nb\nB', 'a\nb\n'],
    ['a heredoc with its own interpreter', 'RUN <<EOF\n#!/bin/awk -f\nBEGIN { print 6*7 >"/out" }\nEOF', '42\n'],
    [
      'a script under a user',
      'USER user\nRUN <<EOF\n#!/bin/sh\nid -un >/tmp/o\nEOF\nUSER root\nRUN cp /tmp/o /out',
      'user\n',
    ],
    ['SHELL', 'SHELL ["/bin/sh", "-euc"]\nRUN echo $- | grep -c e >/out', '1\n'],
    [
      'USER by name',
      'USER user\nRUN echo "$(id -u):$(id -g) $(id -G) $HOME" >/tmp/o\nUSER root\nRUN cp /tmp/o /out',
      '1000:1000 1000 7 /home/user\n',
    ],
    [
      'USER by name and group',
      'USER user:extra\nRUN id -u >/tmp/o; id -g >>/tmp/o; id -G >>/tmp/o\nUSER 0\nRUN cp /tmp/o /out',
      '1000\n7\n7\n',
    ],
    [
      'USER by number',
      'USER 4242:4343\nRUN echo $(id -u):$(id -g):$HOME >/tmp/o\nUSER 0\nRUN cp /tmp/o /out',
      '4242:4343:/\n',
    ],
    [
      "what a user writes is the user's",
      'USER user\nRUN touch /tmp/mine\nUSER root\nRUN stat -c %u:%g /tmp/mine >/out',
      '1000:1000\n',
    ],
    ['WORKDIR, relative and made', 'WORKDIR /a\nWORKDIR b/../c\nRUN pwd >/out', '/a/c\n'],
    [
      'WORKDIR belongs to the user',
      'USER user\nWORKDIR /home/user/x\nUSER 0\nRUN stat -c %u:%a /home/user/x >/out',
      '1000:755\n',
    ],
    [
      'ENV before ARG, wherever they stand',
      'ENV A=env\nARG A=arg\nARG B=arg\nENV B=env\nRUN echo $A $B >/out',
      'env env\n',
    ],
    ['ENV of one line sees what was before', 'ENV A=1\nENV A=2 B=$A\nRUN echo $A $B >/out', '2 1\n'],
    [
      'the fixed facts',
      'RUN echo $(hostname) $(umask) $TZ $SOURCE_DATE_EPOCH $(id -u) $PATH >/out',
      'ocibuild 0022 UTC 0 0 /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n',
    ],
    [
      'loopback and nothing else',
      "RUN ifconfig -a | grep -o '^[a-z0-9]*' >/out; ping -c1 -W1 127.0.0.1 >/dev/null && echo up >>/out",
      'lo\nup\n',
    ],
    ['a bind mount of the context', 'RUN --mount=type=bind,target=/ctx cat /ctx/file >/out', 'from the context\n'],
    ['a bind mount of one file', 'RUN --mount=source=file,target=/etc/one cat /etc/one >/out', 'from the context\n'],
    [
      'a bind mount nobody may write to',
      'RUN --mount=type=bind,target=/ctx if echo x >/ctx/new; then echo bad; else echo good; fi 2>/dev/null >/out',
      'good\n',
    ],
    [
      'a bind mount one may write to, for nothing',
      'RUN --mount=type=bind,target=/ctx,rw echo x >/ctx/new && cat /ctx/new >/out\nRUN --mount=type=bind,target=/ctx if [ -e /ctx/new ]; then echo bad >/out; fi',
      'x\n',
    ],
    [
      'a tmpfs',
      'RUN --mount=type=tmpfs,target=/t,size=1m echo x >/t/x && grep -c " /t tmpfs" /proc/mounts >/out\nRUN test ! -e /t/x',
      '1\n',
    ],
    [
      'a tmpfs that is open to whoever the step is, also where a directory is there already',
      'RUN mkdir -m 755 /t\nUSER 1000:1000\nRUN --mount=type=tmpfs,target=/t --mount=type=tmpfs,target=/new echo x >/t/x && echo x >/new/x\nUSER 0\nRUN echo fine >/out',
      'fine\n',
    ],
    [
      'a cache, over two steps',
      'RUN --mount=type=cache,target=/c echo kept >/c/file\nRUN --mount=type=cache,target=/c cp /c/file /out\nRUN test ! -e /c/file',
      'kept\n',
    ],
    [
      'a cache of a user',
      'USER user\nRUN --mount=type=cache,target=/c,uid=1000,id=own touch /c/x && stat -c %u /c/x >/tmp/o\nUSER 0\nRUN cp /tmp/o /out',
      '1000\n',
    ],
  ];
  test.each(FORMS)('%s', (_, lines, expected) => {
    expect(out(lines, [], { file: 'from the context\n' })).toBe(expected);
  });

  test('mount points and secrets are not in the image', () => {
    const secret = lab.write('secrets', { key: 'hunter2' });
    const folder = lab.path('secretless');
    const context = lab.context(
      'FROM base\nRUN --mount=type=secret,id=key cat /run/secrets/key | wc -c >/out\n' +
        'RUN --mount=type=secret,id=key,env=KEY test ${#KEY} = 7\n' +
        'RUN --mount=type=secret,id=key,target=/etc/key,mode=0444,uid=1000 stat -c "%a %u" /etc/key >>/out\n' +
        'RUN --mount=type=secret,id=absent test ! -e /run/secrets/absent\n',
    );
    const args = ['--secret', `id=key,src=${join(secret, 'key')}`];
    const layers = lab.path('secretless-oci');
    const result = lab.build(context, [...args, '--output', `rootfs:${folder}`, '--output', `oci:${layers}`]);
    expect(result.status, result.stderr).toBe(0);
    expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('7\n444 1000\n');
    for (const path of ['run', 'etc/key', 'run/secrets/key']) expect(existsSync(join(folder, path)), path).toBe(false);
    expect(JSON.stringify(readImage(layers).config)).not.toContain('hunter2');
    // Another secret is no other key.
    lab.write('secrets', { key: 'changed' });
    expect(lab.build(context, args).ran).toBe(0);
  });

  test('a secret or an agent that must be there and is not', () => {
    const secret = lab.build('FROM base\nRUN --mount=type=secret,id=key,required=true true\n');
    expect(secret.stderr).toMatch(/Containerfile:2: USAGE: the step needs the secret key.*--secret id=key,src=FILE/);
    expect(secret.status).toBe(2);
    const agent = lab.build('FROM base\nRUN --mount=type=ssh,required=true true\n');
    expect(agent.stderr).toMatch(/Containerfile:2: USAGE: the step needs an ssh agent.*--ssh default/);
  });

  test('the ssh agent is reached', async () => {
    const socket = lab.path('agent');
    const server = createServer((connection) => connection.end('from the agent\n'));
    await new Promise<void>((done) => server.listen(socket, done));
    lab.own(socket);
    try {
      const context = lab.context('FROM base\nRUN --mount=type=ssh test -S $SSH_AUTH_SOCK\n');
      const { status, stderr } = await lab.start(lab.buildArgs(context, ['--ssh', `default=${socket}`])).ended;
      expect(status, stderr).toBe(0);
    } finally {
      server.close();
    }
  });

  test('the network: none unless it is asked for', async () => {
    const code = `require('net').createServer((s) => s.end('from outside\\n')).listen(0, '127.0.0.1', function () { console.log(this.address().port) })`;
    const server = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    const port = await new Promise<number>((done) => server.stdout.once('data', (data) => done(Number(data))));
    try {
      const connect = `nc 127.0.0.1 ${port} </dev/null >/out`;
      expect(out(`RUN --network=default ${connect}`)).toBe('from outside\n');
      expect(out(`RUN --network=host ${connect}`)).toBe('from outside\n');
      expect(out(`RUN ${connect}`, ['--network', 'default'])).toBe('from outside\n');
      expect(out(`RUN --network=none ${connect}`, ['--network', 'default'])).toMatch(/^status 1: /);
      const refused = lab.build(`FROM base\nRUN ${connect}\n`);
      expect(refused.status).toBe(1);
      expect(refused.stderr).toContain('steps have no network; RUN --network=default opens it');
    } finally {
      server.kill();
    }
  });

  test('ONBUILD fires once, in the image built upon', () => {
    const parent = lab.path('parent');
    const made = lab.build(
      'FROM base\nSHELL ["/bin/sh", "-exc"]\nONBUILD COPY file /copied\nONBUILD RUN cat /copied >/out\n',
      ['--output', `oci:${parent}`],
    );
    expect(made.status, made.stderr).toBe(0);
    const args = ['--build-context', `parent=oci:${parent}`];
    const child = lab.path('child');
    const context = lab.context('FROM parent AS one\nFROM one\nRUN echo $- | grep -c x >>/out\n', { file: 'fired\n' });
    const rootfs = lab.path('child-rootfs');
    const built = lab.build(context, [...args, '--output', `oci:${child}`, '--output', `rootfs:${rootfs}`]);
    expect(built.status, built.stderr).toBe(0);
    // SHELL reached the grandchild.
    expect(readFileSync(join(rootfs, 'out'), 'utf8')).toBe('fired\n1\n');
    expect(readImage(child).config.config['OnBuild']).toBeUndefined();
    expect(readImage(child).config.config['Shell']).toEqual(['/bin/sh', '-exc']);
  });

  describe('that fails', () => {
    test.each([
      ['a status', 'exit 3', 3],
      ['a command that is missing', 'no-such-command', 127],
      ['a signal', "sh -c 'kill -9 $$'; exit $?", 137],
    ])('says where, how and what it printed last: %s', (_, command, status) => {
      const result = lab.build(`FROM base\n\nRUN echo first; \\\n  echo "last words" >&2; ${command}\n`, [
        '-t',
        'some/name',
      ]);
      expect(result.status).toBe(1);
      expect(result.stderr).toMatch(
        new RegExp(`Containerfile:3: STEP_FAILED: RUN echo first; .*exit status ${status}\n`),
      );
      const [, after] = result.stderr.split('its last output:');
      expect(after).toMatch(/^\n {4}first\n {4}last words\n/);
      const log = /the whole log: (.*)$/m.exec(result.stderr)?.[1];
      expect(lab.inside(['cat', log!])).toMatch(/^first\nlast words\n/);
    });

    test('in exec form, with a program that is missing', () => {
      const result = lab.build('FROM base\nRUN ["/no/such", "program"]\n');
      expect(result.stderr).toMatch(/Containerfile:2: STEP_FAILED: .*exit status 127[\s\S]*no such program/);
    });

    // 600 directories in each other: made and left step by step, since no path of that length can be named.
    const DEEP = `mkdir /deep; cd /deep; i=0; while [ $i -lt 600 ]; do mkdir aaaaaaaaa; cd aaaaaaaaa; i=$((i+1)); done`;

    test('leaves a path longer than can be named: the step is told, and its own failure comes first', () => {
      const done = lab.build(`FROM base\nRUN ${DEEP}\n`);
      expect(done.status).toBe(1);
      expect(done.stderr).toMatch(/Containerfile:2: SNAPSHOT: .*a path is longer than the system takes/);
      expect(done.stderr).toContain('/deep/aaaaaaaaa/aaaaaaaaa/');
      const failed = lab.build(`FROM base\nRUN ${DEEP}; echo so; exit 5\n`);
      expect(failed.stderr).toMatch(
        /Containerfile:2: STEP_FAILED: .*exit status 5[\s\S]*what it left cannot be looked at/,
      );
      expect(failed.stderr).not.toContain('look inside with');
      for (const { stderr } of [done, failed]) expect(stderr).not.toContain('fault of ocibuild');
    });

    test('can be looked at: the shell opens what it left', () => {
      const tree = lab.tree('failing', {
        broken: {
          Containerfile:
            'FROM scratch AS base\nCOPY --chmod=0755 busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n' +
            'FROM base AS build\nWORKDIR /work\nENV SEEN=yes\nRUN echo half >state; test -e /never\nFROM base\nCOPY --from=build /work /\n',
          busybox: readFileSync(busybox!) as never,
        },
      });
      const failed = lab.runRecipes(tree, ['broken']);
      expect(failed.stderr).toMatch(/broken\/Containerfile:7: STEP_FAILED/);
      const command = /look inside with: ocibuild (.*)$/m.exec(failed.stderr)?.[1];
      expect(command).toBe(`--tree ${tree} shell recipes/broken --stage build`);
      const shell = (...line: string[]) => lab.run([...command!.split(' '), '--', ...line]);
      expect(shell('/bin/cat', '/work/state')).toMatchObject({ status: 0, stdout: 'half\n' });
      expect(shell('/bin/sh', '-c', 'pwd; echo $SEEN; rm state; exit 9')).toMatchObject({
        status: 9,
        stdout: '/work\nyes\n',
      });
      // Nothing done in there is kept, and the stage before can be opened as well.
      expect(shell('/bin/cat', 'state').stdout).toBe('half\n');
      const byNumber = lab.run(['--tree', tree, 'shell', 'broken', '--stage', '1', '--', '/bin/cat', 'state']);
      expect(byNumber.stdout).toBe('half\n');
      const before = lab.run(['--tree', tree, 'shell', 'broken', '--stage', 'base', '--', '/bin/ls', '/']);
      expect(before.stdout).not.toContain('work');
      expect(before.status).toBe(0);
      // Mended, it is not the failed state any more.
      lab.write('failing/recipes/broken', {
        Containerfile: readFileSync(join(tree, 'recipes/broken/Containerfile'), 'utf8').replace('/never', '/work'),
      });
      expect(lab.runRecipes(tree, ['broken']).status).toBe(0);
      expect(shell('/bin/cat', '/work/state').stderr).not.toContain('failed step');
    });

    test('and is changed since: the shell opens the stage as it is now', () => {
      const good =
        'FROM scratch AS base\nCOPY --chmod=0755 busybox /bin/sh\nFROM base AS build\nRUN echo good >/state\n';
      const bad = good.replace('good >/state', 'bad >/state; exit 1');
      const write = (text: string): string =>
        lab.tree('changing', { changed: { Containerfile: text, busybox: readFileSync(busybox!) } });
      const tree = write(good);
      const state = () => {
        const args = ['--tree', tree, 'shell', 'changed', '--', '/bin/sh', '-c', 'read line </state; echo $line'];
        return lab.run(args).stdout;
      };
      expect(lab.runRecipes(tree, ['changed']).status).toBe(0);
      write(bad);
      expect(lab.runRecipes(tree, ['changed']).status).toBe(1);
      expect(state()).toBe('bad\n');
      // Everything of it is in the cache: no step succeeds that could take the failure back.
      write(good);
      expect(state()).toBe('good\n');
    });

    test('is advised about by what the shell can open', () => {
      const result = lab.build('FROM base\nRUN false\n', ['-t', 'some/name']);
      expect(result.status).toBe(1);
      expect(result.stderr).not.toContain('ocibuild shell');
    });

    test('has a log of its own', () => {
      const logs = [1, 2].map(() => {
        const { stderr } = lab.build(lab.context('FROM base\nRUN echo once; false\n'), ['-t', 'same']);
        return /the whole log: (.*)$/m.exec(stderr)![1]!;
      });
      expect(new Set(logs).size).toBe(2);
      for (const log of logs) expect(lab.inside(['cat', log])).toBe('once\n');
    });

    test('in single-id mode says that there is one id', () => {
      const env = { OCIBUILD_SINGLE_ID: '1' };
      const hint = /single-id mode: no user or group but 0 exists/;
      const result = lab.build('FROM base\nRUN chown 1:1 /tmp\n', [], { env });
      expect(result.status).toBe(1);
      expect(result.stderr).toMatch(hint);
      expect(lab.build('FROM base\nRUN false\n').stderr).not.toMatch(hint);
    });
  });

  test('the shell has what a RUN at the end of the stage would have', () => {
    const tree = lab.tree('surroundings', {
      place: {
        Containerfile:
          'FROM scratch\nCOPY --chmod=0755 busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n' +
          'RUN ln /bin/busybox /bin/ash2\nENV LATE=late\nARG GIVEN=given\nWORKDIR /place\n',
        busybox: readFileSync(busybox!),
      },
    });
    const shell = ['--tree', tree, 'shell', 'place', '--', '/bin/sh', '-c', 'pwd; echo $LATE $GIVEN'];
    expect(lab.run(shell)).toMatchObject({ status: 0, stdout: '/place\nlate given\n' });
  });

  test('an owner that does not exist here is told with its line, and leaves nothing', () => {
    const env = { OCIBUILD_SINGLE_ID: '1' };
    const file = join(lab.write('owned', { key: 'hunter2' }), 'key');
    for (const mount of ['type=cache,target=/c,uid=1000,id=owned', 'type=secret,id=key,uid=1000']) {
      const result = lab.build(`FROM base\nRUN --mount=${mount} true\n`, ['--secret', `id=key,src=${file}`], { env });
      expect(result.stderr).toMatch(/Containerfile:2: MACHINE: --mount=type=\w+ cannot belong to 1000:0 here/);
      expect(result.status).toBe(3);
    }
    const again = lab.build('FROM base\nRUN --mount=type=cache,target=/c,id=owned touch /c/x\n', [], { env });
    expect(again.status, again.stderr).toBe(0);
  });

  test('a socket that a step left is told about', async () => {
    const socket = lab.path('left');
    const server = createServer();
    await new Promise<void>((done) => server.listen(socket, done));
    lab.own(socket);
    try {
      // Of all a busybox can do, only copying one makes a socket.
      const context = lab.context('FROM base\nRUN --mount=type=ssh cp -a $SSH_AUTH_SOCK /left && test -S /left\n');
      const { status, stderr } = await lab.start(lab.buildArgs(context, ['--ssh', `default=${socket}`])).ended;
      expect(status, stderr).toBe(0);
      expect(stderr).toMatch(/Containerfile:2.*\/left is a socket, which a layer cannot carry: left out/);
    } finally {
      server.close();
    }
  });

  describe('with a cache that is not shared', () => {
    /** Two builds at once; each notes in the cache that it is there, waits, and looks who else was. */
    async function both(sharing: string): Promise<readonly string[]> {
      const step = (name: string): string =>
        `FROM base\nRUN --mount=type=cache,target=/c,id=two-${sharing},sharing=${sharing} ` +
        `echo ${name} >>/c/log; touch /c/in-${name}; sleep 2; ls /c | grep -c in- >/out; rm /c/in-${name}\n`;
      const folders = ['a', 'b'].map((name) => lab.path(`cache-${sharing}-${name}`));
      lab.base();
      const builds = ['a', 'b'].map((name, index) =>
        lab.start(lab.buildArgs(lab.context(step(name)), ['--output', `rootfs:${folders[index]}`])),
      );
      for (const build of builds) {
        const { status, stderr } = await build.ended;
        expect(status, stderr).toBe(0);
      }
      return folders.map((folder) => readFileSync(join(folder, 'out'), 'utf8').trim());
    }

    const logged = (sharing: string): string[] => {
      const args = ['--output', `rootfs:${lab.path(`log-${sharing}`)}`];
      const mount = `--mount=type=cache,target=/c,id=two-${sharing},sharing=${sharing}`;
      const { status, stderr } = lab.build(`FROM base\nRUN ${mount} cp /c/log /out\n`, args);
      expect(status, stderr).toBe(0);
      return readFileSync(join(lab.path(`log-${sharing}`), 'out'), 'utf8')
        .trim()
        .split('\n')
        .sort();
    };

    test('locked: the other process waits', async () => {
      expect(await both('locked')).toEqual(['1', '1']);
      expect(logged('locked')).toEqual(['a', 'b']);
    });

    test('private: the other process gets another one', async () => {
      expect(await both('private')).toEqual(['1', '1']);
      expect(logged('private')).toHaveLength(1);
    });

    test('shared: both are in it', async () => {
      expect(await both('shared')).toContain('2');
      expect(logged('shared')).toEqual(['a', 'b']);
    });

    test('a process that is killed holds it no longer', async () => {
      const mount = '--mount=type=cache,target=/c,id=killed,sharing=locked';
      const running = lab.start(
        lab.buildArgs(`FROM base\nRUN ${mount} echo here; sleep 60\n`, ['--progress', 'plain']),
      );
      await running.printed('here');
      running.child.kill('SIGKILL');
      await running.ended;
      const next = lab.build(`FROM base\nRUN ${mount} true\n`);
      expect(next.status, next.stderr).toBe(0);
    });
  });

  test('a secret is gone when the process is killed', async () => {
    const word = `secret-${Math.random()}`;
    const file = join(lab.write('killed-secret', { key: word }), 'key');
    const text = 'FROM base\nRUN --mount=type=secret,id=key cat /run/secrets/key >/dev/null; echo here; sleep 60\n';
    const running = lab.start(lab.buildArgs(text, ['--progress', 'plain', '--secret', `id=key,src=${file}`]));
    await running.printed('here');
    const find = (): string => lab.inside(['sh', '-c', 'grep -rlF "$1" "$2" || true', 'sh', word, lab.store]);
    expect(find()).toBe('');
    running.child.kill('SIGKILL');
    await running.ended;
    expect(find()).toBe('');
  });
});
