import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import {
  parseAptConf,
  parseDeb822Sources,
  parseOneLineSources,
  readAptSettings,
} from '../../../src/fetch/apt-config.ts';
import { scratch } from './server.ts';

test('one-line sources', () => {
  const text = `# deb http://commented.example/debian bookworm main
deb http://one.example/debian bookworm main contrib # why
deb-src [ arch=amd64 signed-by=/a/b.gpg ] https://two.example/debian bookworm-updates main

rpm http://three.example/ x y
deb http://flat.example/ ./
`;
  expect(parseOneLineSources(text)).toEqual([
    { uri: 'http://one.example/debian', suites: ['bookworm'], components: ['main', 'contrib'] },
    { uri: 'https://two.example/debian', suites: ['bookworm-updates'], components: ['main'] },
    { uri: 'http://flat.example/', suites: ['./'], components: [] },
  ]);
});

test('deb822 sources', () => {
  const text = `Types: deb
# http://commented.example/
URIs: http://one.example/debian
 http://two.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 URIs: http://key.example/
 -----END PGP PUBLIC KEY BLOCK-----

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
   
types: deb-src
uris: http://three.example/debian
suites: sid
components: main
`;
  expect(parseDeb822Sources(text)).toEqual([
    { uri: 'http://one.example/debian', suites: ['bookworm', 'bookworm-updates'], components: ['main'] },
    { uri: 'http://two.example/debian', suites: ['bookworm', 'bookworm-updates'], components: ['main'] },
    { uri: 'http://three.example/debian', suites: ['sid'], components: ['main'] },
  ]);
});

test.each([
  ['Acquire::http::Proxy "http://p:3142";', [['Acquire::http::Proxy', 'http://p:3142']]],
  [
    'Acquire { http { Proxy "http://p"; Timeout 5; }; Retries "3"; };',
    [
      ['Acquire::http::Proxy', 'http://p'],
      ['Acquire::http::Timeout', '5'],
      ['Acquire::Retries', '3'],
    ],
  ],
  ['// Acquire::http::Proxy "a";\n# b "c";\n/* d "e";\n */ f "g";', [['f', 'g']]],
  // Outside quotes two slashes start a comment, inside a word too.
  ['Acquire::http::Proxy http://p:3142/;\n;', [['Acquire::http::Proxy', 'http:']]],
  ['DPkg::Post-Invoke { "rm -f /x || true"; };', []],
  ['a "b"', []],
  ['}}} {;', []],
])('apt.conf: %j', (text, options) => {
  expect(parseAptConf(text)).toEqual(options);
});

test('a whole configuration: only archives of Debian, main before security, proxies by precedence', () => {
  const folder = scratch();
  const write = (name: string, text: string): void => {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  };
  write('sources.list', 'deb http://sec.example/debian-security bookworm-security main\n');
  write('sources.list.d/a.list', 'deb https://vendor.example/node_20.x nodistro main\ndeb cdrom:[x]/ bookworm main\n');
  write(
    'sources.list.d/b.sources',
    'Types: deb\nURIs: http://one.example/debian/\nSuites: bookworm trixie\nComponents: main\n',
  );
  write(
    'sources.list.d/c.list',
    'deb http://two.example/debian bookworm-backports main\ndeb http://docker.example/linux/debian bookworm stable\n',
  );
  write(
    'sources.list.d/d.list',
    'deb https://sdk.example/apt cloud-sdk-bookworm main\ndeb http://one.example/debian bookworm main\n',
  );
  write('sources.list.d/e.list.save', 'deb http://saved.example/debian bookworm main\n');
  write(
    'apt.conf.d/01proxy',
    'Acquire::http::Proxy "http://first.example:1";\nAcquire::HTTP::Proxy::two.example "DIRECT";\n',
  );
  write('apt.conf.d/02proxy.conf', 'Acquire { http { Proxy "http://second.example:2"; }; };\n');
  write('apt.conf.d/03proxy.bak', 'Acquire::http::Proxy "http://backup.example";\n');
  const settings = readAptSettings(folder);
  expect(settings.archives).toEqual([
    'http://one.example/debian',
    'http://two.example/debian',
    'http://sec.example/debian-security',
  ]);
  expect([...settings.proxies]).toEqual([
    ['acquire::http::proxy', 'http://second.example:2'],
    ['acquire::http::proxy::two.example', 'DIRECT'],
  ]);
});

test('a machine without apt has no archives', () => {
  expect(readAptSettings('/nowhere')).toEqual({ archives: [], proxies: new Map() });
});
