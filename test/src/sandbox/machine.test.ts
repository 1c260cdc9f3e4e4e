import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { probeLimits, probeNode, trialFindings } from '../../../src/sandbox/probe.ts';
import { ensureTools, missingNeeds, PACKAGE_MANAGERS, remedyLine } from '../../../src/sandbox/provision.ts';
import { chooseRuntime, findFullProgram, findProgram } from '../../../src/sandbox/tools.ts';

let bin: string;
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'ocibuild-bin-'));
});
afterEach(() => rmSync(bin, { recursive: true, force: true }));

const program = (name: string, text = '#!/bin/sh\nexit 0\n'): void => {
  writeFileSync(join(bin, name), text);
  chmodSync(join(bin, name), 0o755);
};

describe('finding programs', () => {
  it('takes what can be run', () => {
    program('thing');
    writeFileSync(join(bin, 'text'), '');
    expect(findProgram('thing', `relative:${bin}`)).toBe(join(bin, 'thing'));
    expect(findProgram('text', bin)).toBeUndefined();
    expect(findProgram('no-such-program', bin)).toBeUndefined();
  });

  it('does not take busybox for util-linux', () => {
    program('busybox');
    symlinkSync('/bin/busybox', join(bin, 'thing-of-busybox'));
    symlinkSync('busybox', join(bin, 'other'));
    expect(findFullProgram('other', bin)).toBeUndefined();
    expect(findFullProgram('busybox', bin)).toBe(join(bin, 'busybox'));
  });

  it('refuses a runtime it does not know', () => {
    expect(() => chooseRuntime(undefined, { OCIBUILD_RUNTIME: 'youki' })).toThrow(/want runc or crun, got youki/);
  });

  it('prefers the runtime that is asked for', () => {
    program('runc');
    program('crun');
    expect(chooseRuntime(undefined, { PATH: bin })).toEqual({ name: 'crun', path: join(bin, 'crun') });
    expect(chooseRuntime(undefined, { PATH: bin, OCIBUILD_RUNTIME: 'runc' }).name).toBe('runc');
    expect(chooseRuntime('crun', { PATH: bin, OCIBUILD_RUNTIME: 'runc' }).name).toBe('crun');
  });
});

describe('provision', () => {
  it('knows packages for every need with every package manager', () => {
    for (const { packages } of PACKAGE_MANAGERS) {
      for (const need of ['runc', 'crun', 'idmap', 'namespace'] as const)
        expect(packages[need].length).toBeGreaterThan(0);
    }
  });

  it('says the line that installs', () => {
    program('apt-get');
    expect(remedyLine(['crun'], { PATH: bin })).toMatch(/apt-get install -y --no-install-recommends crun$/);
  });

  it('is content where nothing is missing', async () => {
    for (const name of ['unshare', 'setpriv', 'mount', 'umount', 'crun', 'newuidmap', 'newgidmap']) program(name);
    const env = { PATH: bin };
    expect(missingNeeds(env)).toEqual([]);
    let said = '';
    await ensureTools({ env, stderr: { write: (text: string) => (said += text) } });
    expect(said).toBe('');
  });
});

describe('probe', () => {
  it.each([
    ['20.19.0', true],
    ['20.18.3', false],
    ['18.20.0', false],
    ['22.0.0', true],
  ])('node %s: %s', (version, ok) => {
    const finding = probeNode(version);
    expect(finding.ok).toBe(ok);
    expect(finding.remedy === undefined).toBe(ok);
  });

  it('reports limits that cannot be reached', () => {
    expect(probeLimits(new Map([['RLIMIT_NOFILE', 4096]]))).toMatchObject({
      ok: false,
      detail: expect.stringContaining('RLIMIT_NOFILE 4096, want 16384'),
    });
    expect(probeLimits(new Map([['RLIMIT_NOFILE', 20_000]]))).toMatchObject({ ok: true });
  });

  it('gives a remedy with everything that failed, and only there', () => {
    const base = { hasIdRange: true, hasAllIds: true, hasProcessNamespace: true };
    const good = trialFindings({ ...base, runtimes: [{ name: 'crun', version: 'crun 1' }] }, '/store');
    expect(good.every(({ ok, remedy }) => ok && remedy === undefined)).toBe(true);
    const bad = trialFindings(
      { ...base, hasProcessNamespace: false, overlay: 'no', runtimes: [{ name: 'runc', error: 'no' }] },
      '/store',
    ).filter(({ ok }) => !ok);
    expect(bad.map(({ name }) => name)).toEqual(['process namespace', 'overlay', 'a step with runc']);
    expect(bad.every(({ remedy }) => remedy !== undefined)).toBe(true);
  });
});
