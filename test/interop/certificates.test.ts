// https with an authority of one's own: refused by default, believed when the machine's settings name it.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fetchUnpinned } from '../../src/fetch/fetch.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) console.log('skipped: openssl is not installed, and it makes the certificate');

describe.skipIf(!hasOpenssl)('a certificate of our own', () => {
  const folder = mkdtempSync(join(tmpdir(), 'certificates-'));
  const certificate = join(folder, 'own.pem');
  let server: https.Server;
  let url: string;

  beforeAll(async () => {
    const key = join(folder, 'own.key');
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', certificate];
    execFileSync('openssl', [...args, ...names], { stdio: 'ignore' });
    const options = { key: readFileSync(key), cert: readFileSync(certificate) };
    server = https.createServer(options, (_request, response) => response.end('hello'));
    await new Promise<void>((ready) => server.listen(0, 'localhost', ready));
    url = `https://localhost:${(server.address() as AddressInfo).port}/a`;
  });
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  const get = (env: Record<string, string>) => fetchUnpinned([url], 100, { env, signal: new AbortController().signal });

  test('is not believed by itself', async () => {
    await expect(get({})).rejects.toThrow(/self-signed certificate/);
  });

  test.each(['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'])('is believed when %s names it', async (name) => {
    expect(Buffer.from((await get({ [name]: certificate })).bytes).toString()).toBe('hello');
  });
});
