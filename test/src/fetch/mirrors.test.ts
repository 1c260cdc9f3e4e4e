import { expect, test } from 'vitest';
import type { AptSettings } from '../../../src/fetch/apt-config.ts';
import { apkArchives, expandMirror, showPlace } from '../../../src/fetch/mirrors.ts';

const apt: AptSettings = {
  archives: ['http://one.example/debian', 'https://two.example/debian', 'file:///srv/debian'],
  proxies: new Map(),
};
const none: AptSettings = { archives: [], proxies: new Map() };

test.each<[string, Record<string, string>, AptSettings, string[]]>([
  ['https://a.example/b?c', {}, apt, ['https://a.example/b?c']],
  ['http://me:secret@a.example/b', {}, apt, ['http://a.example/b']],
  [
    'debian:pool/main/t/tcc/tcc_1+git~2:3.orig.tar.gz',
    {},
    apt,
    [
      'http://one.example/debian/pool/main/t/tcc/tcc_1+git~2:3.orig.tar.gz',
      'https://two.example/debian/pool/main/t/tcc/tcc_1+git~2:3.orig.tar.gz',
      '/srv/debian/pool/main/t/tcc/tcc_1+git~2:3.orig.tar.gz',
    ],
  ],
  ['debian:a b#c?d%e', { OCIBUILD_DEBIAN_MIRROR: 'http://m/' }, apt, ['http://m/a%20b%23c%3Fd%25e']],
  [
    'debian:x',
    { OCIBUILD_DEBIAN_MIRROR: 'http://m/, /srv/m  file:/srv/n' },
    apt,
    ['http://m/x', '/srv/m/x', '/srv/n/x'],
  ],
  ['debian:x', {}, none, ['apt names no Debian archive on this machine; set OCIBUILD_DEBIAN_MIRROR to the URL of one']],
  ['npm:left@1.2.3-rc.1', { OCIBUILD_NPM_REGISTRY: 'http://n/' }, none, ['http://n/left/-/left-1.2.3-rc.1.tgz']],
  ['npm:@a/left@1.2.3', { OCIBUILD_NPM_REGISTRY: 'http://n/x' }, none, ['http://n/x/@a/left/-/left-1.2.3.tgz']],
  [
    'alpine:v3.22/main/x86_64/a-1.0-r0.apk',
    { OCIBUILD_ALPINE_MIRROR: 'http://a/alpine/, /srv/a' },
    none,
    ['http://a/alpine/v3.22/main/x86_64/a-1.0-r0.apk', '/srv/a/v3.22/main/x86_64/a-1.0-r0.apk'],
  ],
  ['npm:left', {}, none, ['npm:left is not npm:NAME@VERSION']],
  ['npm:../../left@1', {}, none, ['npm:../../left@1 is not npm:NAME@VERSION']],
  [
    'npm:left@1.2.3',
    { PATH: '/nowhere' },
    none,
    ['npm names no registry on this machine; set OCIBUILD_NPM_REGISTRY to the URL of one'],
  ],
  ['ftp://a.example/b', {}, apt, ['nothing here can fetch ftp:']],
  ['file:///srv/a%20b', {}, apt, ['/srv/a b']],
  ['sub/fix.patch', {}, apt, ['/recipe/sub/fix.patch']],
  ['file:fix.patch', {}, apt, ['/recipe/fix.patch']],
])('%s with %o', (mirror, env, settings, places) => {
  expect(expandMirror(mirror, { env, apt: settings, recipeDirectory: '/recipe' }).map(showPlace)).toEqual(places);
});

test('paths need a recipe folder', () => {
  expect(expandMirror('a', { env: {}, apt: none })).toEqual([
    { kind: 'none', reason: 'a path, but no recipe folder to look in' },
  ]);
});

test('archives of an apk repositories file', () => {
  const text = [
    '# http://old.example/alpine/v3.1/main',
    'https://one.example/alpine/v3.22/main',
    'https://one.example/alpine/v3.22/community/',
    '@edge http://two.example/edge/testing',
    '/media/cdrom/apks',
    '',
  ].join('\n');
  expect(apkArchives(text)).toEqual(['https://one.example/alpine', 'http://two.example']);
});
