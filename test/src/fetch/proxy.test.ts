import { expect, test } from 'vitest';
import { BuildError } from '../../../src/errors.ts';
import { proxyFor } from '../../../src/fetch/proxy.ts';

const P = 'http://proxy.example:3128/';

test.each<[string, Record<string, string>, string | undefined]>([
  ['http://a.example/', {}, undefined],
  ['http://a.example/', { http_proxy: P }, P],
  ['https://a.example/', { http_proxy: P }, undefined],
  ['https://a.example/', { https_proxy: P }, P],
  ['https://a.example/', { HTTPS_PROXY: P }, P],
  ['https://a.example/', { all_proxy: P }, P],
  ['http://a.example/', { http_proxy: 'proxy.example:3128' }, P],
  ['http://a.example/', { http_proxy: '', all_proxy: P }, P],
  ['http://a.example/', { http_proxy: P, no_proxy: '*' }, undefined],
  ['http://a.example/', { http_proxy: P, no_proxy: 'x, a.example' }, undefined],
  ['http://a.b.example/', { http_proxy: P, no_proxy: 'b.example' }, undefined],
  ['http://a.b.example/', { http_proxy: P, no_proxy: '.b.example' }, undefined],
  ['http://ab.example/', { http_proxy: P, no_proxy: 'b.example' }, P],
  ['http://a.example:81/', { http_proxy: P, no_proxy: 'a.example:80' }, P],
  ['http://a.example/', { http_proxy: P, no_proxy: 'a.example:80' }, undefined],
  ['http://10.1.2.3/', { http_proxy: P, no_proxy: '10.0.0.0/8' }, undefined],
  ['http://11.1.2.3/', { http_proxy: P, no_proxy: '10.0.0.0/8' }, P],
  ['http://11.1.2.3/', { http_proxy: P, no_proxy: '10.0.0.0/99' }, P],
  ['http://[::1]/', { http_proxy: P, no_proxy: '::1' }, undefined],
])('%s under %o', (url, env, proxy) => {
  expect(proxyFor(new URL(url), env)?.href).toBe(proxy);
});

test.each<[string, Record<string, string>, string | undefined]>([
  ['http://a.example/', { 'acquire::http::proxy': P }, P],
  ['https://a.example/', { 'acquire::http::proxy': P }, P],
  ['https://a.example/', { 'acquire::http::proxy': P, 'acquire::https::proxy': 'DIRECT' }, undefined],
  ['http://a.example/', { 'acquire::http::proxy': P, 'acquire::http::proxy::a.example': 'DIRECT' }, undefined],
  ['http://b.example/', {}, 'http://env.example/'],
])("%s under apt's %o", (url, options, proxy) => {
  const env = { http_proxy: 'http://env.example' };
  expect(proxyFor(new URL(url), env, new Map(Object.entries(options)))?.href).toBe(proxy);
});

test('a proxy of another kind is named', () => {
  const work = () => proxyFor(new URL('http://a.example'), { all_proxy: 'socks5://p:1080' });
  expect(work).toThrow(BuildError);
  expect(work).toThrow('the proxy of all_proxy cannot be used: want http://host:port, got socks5://p:1080');
});
