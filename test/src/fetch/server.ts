// A web server on loopback for the tests of fetching, and what they need around it.

import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach } from 'vitest';

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
}

export interface TestServer {
  readonly origin: string;
  readonly asked: Asked[];
}

const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/** Starts a server that is stopped after the test. */
export async function serve(handler: Handler, connect?: (request: http.IncomingMessage) => void): Promise<TestServer> {
  const asked: Asked[] = [];
  const server = http.createServer((request, response) => {
    asked.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
    handler(request, response);
  });
  if (connect !== undefined) {
    server.on('connect', (request, socket) => {
      asked.push({ method: 'CONNECT', url: request.url ?? '', headers: request.headers });
      connect(request);
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(
    () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

/** A folder that is removed after the test. */
export function scratch(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'ocibuild-fetch-'));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Serves bytes, ranges included. */
export function bytesHandler(bytes: Buffer): Handler {
  return (request, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? Number.NaN);
    if (Number.isNaN(start)) {
      response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
    } else if (start >= bytes.length) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    } else {
      const part = bytes.subarray(start);
      const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
      response.writeHead(206, { 'content-length': part.length, 'content-range': range }).end(part);
    }
  };
}
