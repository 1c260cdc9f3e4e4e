// Owns: which proxy a URL goes through, and the agents that go through it. Knows nothing of what is fetched.
//
// http targets are asked for with their whole URL (RFC 9112, 3.2.2); https targets through CONNECT (RFC 9110, 9.3.6).

import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { BuildError } from '../errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for a URL: apt's own setting when there is one for that host or scheme (`aptProxies`, see apt-config.ts),
 * then http_proxy / https_proxy / all_proxy less what no_proxy lists. undefined: straight.
 * Throws BuildError NETWORK for a proxy of a kind nothing here speaks.
 */
export function proxyFor(url: URL, env: Environment, aptProxies?: ReadonlyMap<string, string>): URL | undefined {
  const scheme = url.protocol.slice(0, -1);
  const apt =
    aptProxies?.get(`acquire::${scheme}::proxy::${url.hostname}`) ??
    aptProxies?.get(`acquire::${scheme}::proxy`) ??
    (scheme === 'https' ? aptProxies?.get('acquire::http::proxy') : undefined);
  if (apt !== undefined && apt !== '') return apt.toUpperCase() === 'DIRECT' ? undefined : parseProxy(apt, 'apt.conf');
  if (isExempt(url, read(env, 'no_proxy') ?? '')) return undefined;
  for (const name of [`${scheme}_proxy`, 'all_proxy']) {
    const value = read(env, name);
    if (value !== undefined && value !== '') return parseProxy(value, name);
  }
  return undefined;
}

function read(env: Environment, name: string): string | undefined {
  return env[name] ?? env[name.toUpperCase()];
}

function parseProxy(text: string, from: string): URL {
  const written = /^[a-z0-9+.-]+:\/\//i.test(text) ? text : `http://${text}`;
  if (URL.canParse(written)) {
    const url = new URL(written);
    if (url.protocol === 'http:' || url.protocol === 'https:') return url;
  }
  throw new BuildError('NETWORK', `the proxy of ${from} cannot be used`, { want: 'http://host:port', got: text });
}

/** no_proxy: names with everything below them, addresses, IPv4 ranges (10.0.0.0/8), each with an optional port; `*`. */
function isExempt(url: URL, list: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return list.split(/[\s,]+/).some((item) => {
    if (item === '') return false;
    if (item === '*') return true;
    const range = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(item);
    if (range !== null) {
      if (!net.isIPv4(host) || !net.isIPv4(range[1]!) || Number(range[2]) > 32) return false;
      const block = new net.BlockList();
      block.addSubnet(range[1]!, Number(range[2]), 'ipv4');
      return block.check(host, 'ipv4');
    }
    const withPort = net.isIPv6(item) ? null : /^(.*):(\d+)$/.exec(item);
    if (withPort !== null && withPort[2] !== port) return false;
    const name = (withPort?.[1] ?? item)
      .toLowerCase()
      .replace(/^\*?\./, '')
      .replace(/^\[|\]$/g, '');
    return host === name || host.endsWith(`.${name}`);
  });
}

function authorization(proxy: URL): Record<string, string> {
  if (proxy.username === '' && proxy.password === '') return {};
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}

function addressOf(proxy: URL): { host: string; port: number } {
  return {
    host: proxy.hostname.replace(/^\[|\]$/g, ''),
    port: Number(proxy.port || (proxy.protocol === 'https:' ? 443 : 80)),
  };
}

type Connected = (error: Error | null, socket?: net.Socket) => void;

/** What an agent does beyond its typed face: http.Agent calls these two, see Node's documentation of http.Agent. */
interface AgentHooks {
  addRequest?(request: http.ClientRequest, options: object): void;
  createConnection(options: object, connected: Connected): net.Socket | undefined;
}

/** Plain http through a proxy: the request line carries the whole URL. */
function forwardAgent(proxy: URL, target: URL): http.Agent {
  const agent = new http.Agent({ keepAlive: false });
  const base = agent as unknown as Required<AgentHooks>;
  const addRequest = base.addRequest.bind(agent);
  const hooks: AgentHooks = {
    addRequest(request, options) {
      if (!request.path.startsWith('http://')) request.path = `http://${target.host}${request.path}`;
      for (const [name, value] of Object.entries(authorization(proxy))) request.setHeader(name, value);
      addRequest(request, { ...options, ...addressOf(proxy) });
    },
    createConnection() {
      const address = addressOf(proxy);
      return proxy.protocol === 'https:'
        ? tls.connect({ ...address, servername: nameFor(address.host) })
        : net.connect(address);
    },
  };
  return Object.assign(agent, hooks) as http.Agent;
}

/** SNI takes names only. */
function nameFor(host: string): string {
  return net.isIP(host) === 0 ? host : '';
}

/** https through a proxy: a tunnel first, TLS with the target inside it. */
function tunnelAgent(
  proxy: URL,
  target: URL,
  signal: AbortSignal,
  secureContext: tls.SecureContext | undefined,
): https.Agent {
  const authority = `${target.hostname}:${target.port || 443}`;
  const host = target.hostname.replace(/^\[|\]$/g, '');
  const hooks: AgentHooks = {
    createConnection(_options, connected) {
      const client = proxy.protocol === 'https:' ? https : http;
      const request = client.request({
        ...addressOf(proxy),
        method: 'CONNECT',
        path: authority,
        headers: { host: authority, ...authorization(proxy) },
        agent: false,
        signal,
      });
      request.once('connect', (response, socket) => {
        if (response.statusCode === 200) {
          const options = { socket, host, servername: nameFor(host), ALPNProtocols: ['http/1.1'] };
          connected(null, tls.connect({ ...options, ...(secureContext === undefined ? {} : { secureContext }) }));
          return;
        }
        socket.destroy();
        connected(new Error(`the proxy ${proxy.host} answered ${response.statusCode} to CONNECT`));
      });
      request.once('error', (error) => connected(error));
      request.end();
      return undefined;
    },
  };
  return Object.assign(new https.Agent({ keepAlive: false }), hooks) as https.Agent;
}

/**
 * An agent that reaches `target` through `proxy`. Good for one request; its socket is closed after the answer, and the
 * wait for a tunnel ends with the signal. `secureContext`: whom to believe; Node's own authorities where it is absent.
 */
export function proxyAgent(
  proxy: URL,
  target: URL,
  signal: AbortSignal,
  secureContext?: tls.SecureContext,
): http.Agent {
  return target.protocol === 'https:' ? tunnelAgent(proxy, target, signal, secureContext) : forwardAgent(proxy, target);
}
