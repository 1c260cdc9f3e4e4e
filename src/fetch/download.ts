// Owns: one URL into a sink, as it comes over the wire. Knows nothing of digests, mirrors or the store.

import type http from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';
import type { Response } from 'node-fetch';
import { BuildError } from '../errors.ts';
import { trustedContext } from './certificates.ts';
import { showUrl } from './mirrors.ts';
import { type Environment, proxyAgent, proxyFor } from './proxy.ts';
import type { Sink } from './source-store.ts';

/** How long to wait, in milliseconds. */
export interface Patience {
  /** From the request to the first line of the answer, connecting included. */
  readonly answer: number;
  /** Between two pieces of the body. */
  readonly stall: number;
  /** Before all mirrors are asked again, when their failures may pass; twice that the second time. */
  readonly rest: number;
}

export const PATIENCE: Patience = { answer: 30_000, stall: 60_000, rest: 1000 };
const MOST_REDIRECTS = 10;

export interface DownloadOptions {
  readonly env: Environment;
  readonly aptProxies?: ReadonlyMap<string, string>;
  /** Bytes; a longer answer is refused as soon as that is known. */
  readonly limit: number;
  readonly patience?: Patience;
  readonly signal?: AbortSignal;
  /** Called with the bytes there are and, when the server said so, how many there will be. */
  readonly onProgress?: (received: number, total: number | undefined) => void;
}

/** Why one URL gave nothing. `absent`: it is not there. `passing`: trying again later may help. */
export class DownloadFault extends Error {
  readonly kind: 'absent' | 'passing' | 'refused';
  constructor(kind: DownloadFault['kind'], message: string) {
    super(message);
    this.name = 'DownloadFault';
    this.kind = kind;
  }
}

/**
 * Downloads a URL into a sink. A sink that already has bytes is asked to be continued (RFC 9110, 14.2); a server that
 * does not do that makes it start again. The bytes are those on the wire: no content encoding is undone.
 * Throws DownloadFault; BuildError INTERRUPTED when the signal fires; and what the sink throws.
 */
export async function download(url: string, sink: Sink, options: DownloadOptions): Promise<void> {
  const { offset, response, watch } = await ask(url, sink.length, options);
  try {
    if (offset !== sink.length) await sink.restart();
    const declared = response.headers.get('content-length');
    const total = declared !== null && /^\d+$/.test(declared) ? offset + Number(declared) : undefined;
    if (total !== undefined && total > options.limit) throw tooLong(options.limit, total);
    options.onProgress?.(sink.length, total);
    for await (const chunk of response.body ?? []) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      if (sink.length + bytes.length > options.limit) throw tooLong(options.limit);
      await sink.write(bytes);
      options.onProgress?.(sink.length, total);
      watch.wait((options.patience ?? PATIENCE).stall, 'sent nothing more');
    }
    if (total !== undefined && sink.length !== total) {
      throw new DownloadFault('passing', `the answer was cut short at ${sink.length} of ${total} bytes`);
    }
  } catch (error) {
    dismiss(response);
    throw watch.reason(error);
  } finally {
    watch.end();
  }
}

/** Closes the connection of an answer whose body nobody wants. */
function dismiss(response: Response): void {
  if (response.body instanceof Readable) response.body.destroy();
}

function tooLong(limit: number, length?: number): DownloadFault {
  const said = length === undefined ? 'more' : `${length}`;
  return new DownloadFault('refused', `too long: at most ${limit} bytes are wanted, the server has ${said}`);
}

interface Answer {
  readonly offset: number;
  readonly response: Response;
  readonly watch: Watch;
}

/** Sends the request, follows redirects, and gives a response whose body starts at `offset`. */
async function ask(url: string, have: number, options: DownloadOptions): Promise<Answer> {
  let target = new URL(url);
  let from = have;
  for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
    const watch = new Watch(options.signal);
    watch.wait((options.patience ?? PATIENCE).answer, 'did not answer');
    let response: Response;
    try {
      response = await request(target, from, options, watch.signal);
    } catch (error) {
      watch.end();
      throw watch.reason(error);
    }
    watch.wait((options.patience ?? PATIENCE).stall, 'sent nothing more');
    if (response.status === 200) return { offset: 0, response, watch };
    if (response.status === 206 && startOf(response) === from) return { offset: from, response, watch };
    dismiss(response);
    watch.end();
    if (response.status === 416 || response.status === 206) {
      // What there is does not fit what the server has.
      if (from === 0) throw new DownloadFault('refused', `status ${response.status} to a request for everything`);
      from = 0;
    } else if ([301, 302, 303, 307, 308].includes(response.status)) {
      target = follow(target, response.headers.get('location'));
    } else {
      const kind = response.status === 404 || response.status === 410 ? 'absent' : faultOf(response.status);
      throw new DownloadFault(kind, `status ${response.status} ${response.statusText}`.trim());
    }
  }
  throw new DownloadFault('refused', `more than ${MOST_REDIRECTS} redirects`);
}

function faultOf(status: number): 'passing' | 'refused' {
  return status >= 500 || status === 408 || status === 429 ? 'passing' : 'refused';
}

function startOf(response: Response): number | undefined {
  const start = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1];
  return start === undefined ? undefined : Number(start);
}

function follow(from: URL, location: string | null): URL {
  if (location === null || !URL.canParse(location, from.href)) {
    throw new DownloadFault('refused', 'a redirect that names no URL');
  }
  const to = new URL(location, from.href);
  if (to.protocol !== 'https:' && (to.protocol !== 'http:' || from.protocol === 'https:')) {
    throw new DownloadFault('refused', `a redirect from ${from.protocol} to ${showUrl(to.href)} is not followed`);
  }
  return to;
}

async function request(url: URL, from: number, options: DownloadOptions, signal: AbortSignal): Promise<Response> {
  const proxy = proxyFor(url, options.env, options.aptProxies);
  const headers: IncomingHttpHeaders = { 'accept-encoding': 'identity', 'user-agent': 'ocibuild', accept: '*/*' };
  if (from > 0) headers['range'] = `bytes=${from}-`;
  const bare = new URL(url);
  if (url.username !== '' || url.password !== '') {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`;
    bare.username = '';
    bare.password = '';
  }
  // Loaded here: a build that finds everything in its store asks nothing of the network.
  const { default: fetch } = await import('node-fetch');
  return fetch(bare.href, {
    headers: headers as Record<string, string>,
    compress: false,
    redirect: 'manual',
    signal,
    ...agentFor(url, options.env, proxy, signal),
  });
}

function agentFor(url: URL, env: Environment, proxy: URL | undefined, signal: AbortSignal): { agent?: http.Agent } {
  const secureContext = url.protocol === 'https:' ? trustedContext(env) : undefined;
  if (proxy !== undefined) return { agent: proxyAgent(proxy, url, signal, secureContext) };
  return secureContext === undefined ? {} : { agent: new https.Agent({ keepAlive: false, secureContext }) };
}

/** Ends a request that takes too long or that nobody wants any more, and remembers which it was. */
class Watch {
  private readonly controller = new AbortController();
  private readonly outer: AbortSignal | undefined;
  private readonly stop = (): void => this.controller.abort();
  private timer: NodeJS.Timeout | undefined;
  private overdue: string | undefined;

  constructor(outer: AbortSignal | undefined) {
    this.outer = outer;
    if (outer?.aborted) this.controller.abort();
    outer?.addEventListener('abort', this.stop, { once: true });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** From now on the next thing must happen within that time. */
  wait(milliseconds: number, otherwise: string): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.overdue = `${otherwise} for ${milliseconds / 1000} s`;
      this.controller.abort();
    }, milliseconds);
  }

  end(): void {
    clearTimeout(this.timer);
    this.outer?.removeEventListener('abort', this.stop);
  }

  /** What an error was really about. */
  reason(error: unknown): Error {
    if (this.outer?.aborted) return new BuildError('INTERRUPTED', 'interrupted');
    if (this.overdue !== undefined) return new DownloadFault('passing', this.overdue);
    if (error instanceof DownloadFault || error instanceof BuildError) return error;
    const { code, message } = error as { code?: string; message?: string };
    if (code === undefined && !(error instanceof Error)) return new DownloadFault('passing', String(error));
    const text = (message ?? String(error))
      .replace(/^request to \S+ failed, reason: /, '')
      .trim()
      .split('\n', 1)[0]!;
    return new DownloadFault('passing', text === '' ? (code ?? 'the connection failed') : text);
  }
}
