import { expect, test } from 'vitest';
import { argPrefix, fillTemplate, versionArgs } from '../../../src/recipe/template.ts';

test.each([
  ['{version}', '1.24.6', '1.24.6'],
  ['{version_major}', '1.24.6', '1'],
  ['{version_major}', 'NSS_3_105', 'NSS_3_105'],
  ['{version_major_minor}', '1.24.6', '1.24'],
  ['{version_major_minor}', '30', '30'],
  ['{version_under}', '1.24.6', '1_24_6'],
  ['{version_dash}', '74.2', '74-2'],
  ['{version_strip_suffix}', '2.0.0-rc.1', '2.0.0'],
  ['{version_strip_suffix}', '1-2-3', '1-2'],
  ['{version_strip_suffix}', '2.0.0', '2.0.0'],
  ['v{version_major}.x/{file}', '6.6', 'v6.x/a-{version}.tar'],
  ['a-{version}.{format}', '6.6', 'a-6.6.tar.gz'],
  ['no words', '1', 'no words'],
])('%s of %s is %s', (template, version, filled) => {
  // What is put in is not looked at again, so a file name may hold a brace.
  expect(fillTemplate(template, { version, format: 'tar.gz', file: 'a-{version}.tar' })).toBe(filled);
});

test.each([
  ['{verison}', {}, { word: 'verison', fault: 'unknown' }],
  ['{}', {}, { word: '', fault: 'unknown' }],
  ['{constructor}', {}, { word: 'constructor', fault: 'unknown' }],
  ['{version_dash}', {}, { word: 'version_dash', fault: 'absent' }],
  ['{file}', { version: '1' }, { word: 'file', fault: 'absent' }],
  ['{format}', { version: '1' }, { word: 'format', fault: 'absent' }],
  ['a{version', { version: '1' }, { word: '{version', fault: 'open' }],
  ['a}b', { version: '1' }, { word: '}', fault: 'open' }],
])('%s with %o is %o', (template, values, fault) => {
  expect(fillTemplate(template, values)).toEqual(fault);
});

test('every form of a version is a build arg', () => {
  expect(Object.fromEntries(versionArgs('1.24.6-rc.1'))).toEqual({
    VERSION: '1.24.6-rc.1',
    VERSION_MAJOR: '1',
    VERSION_MAJOR_MINOR: '1.24',
    VERSION_UNDER: '1_24_6-rc_1',
    VERSION_DASH: '1-24-6-rc-1',
    VERSION_STRIP_SUFFIX: '1.24.6',
  });
});

test('a source name as build args carry it', () => {
  expect(argPrefix('go-linux.amd64_x')).toBe('GO_LINUX_AMD64_X');
});
