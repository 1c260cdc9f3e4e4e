// Owns: whom an https connection is believed from: the authorities Node brings, and those this machine trusts besides. What is
// fetched is pinned or signed all the same; without the machine's own, nothing at all is fetched behind a proxy that
// opens connections.

import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import type { Environment } from './proxy.ts';

/** Where distributions keep all authorities in one file: Debian and Alpine, Fedora, SUSE, and others. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/**
 * PEM texts of every authority: Node's own, the first of SSL_CERT_FILE and the usual places that can be read, and
 * NODE_EXTRA_CA_CERTS, which Node leaves out as soon as anybody names authorities.
 */
function authorities(env: Environment): readonly string[] {
  const given = env['SSL_CERT_FILE'] ?? '';
  const bundles = given === '' ? BUNDLES : [given];
  const bundle = bundles.map(readIfThere).find((text) => text !== undefined);
  const extra = readIfThere(env['NODE_EXTRA_CA_CERTS'] ?? '');
  return [...tls.rootCertificates, ...(bundle === undefined ? [] : [bundle]), ...(extra === undefined ? [] : [extra])];
}

const contexts = new Map<string, tls.SecureContext>();

/** Made once a process for the same settings: reading three hundred certificates takes a while. */
export function trustedContext(env: Environment): tls.SecureContext {
  const key = JSON.stringify([env['SSL_CERT_FILE'], env['NODE_EXTRA_CA_CERTS']]);
  const context = contexts.get(key) ?? tls.createSecureContext({ ca: [...authorities(env)] });
  contexts.set(key, context);
  return context;
}

function readIfThere(file: string): string | undefined {
  if (file === '') return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
