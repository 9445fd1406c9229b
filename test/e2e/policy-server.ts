/* Serves the files of a folder, all of them with one Content-Security-Policy, as a strict host does. */

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';

export interface PolicyServer extends AsyncDisposable {
  /** With a slash at the end. */
  readonly url: string;
}

const TYPES = new Map([
  ['.html', 'text/html'],
  ['.js', 'text/javascript'],
]);

/** Starts it on a free port; `base` is the path below which the folder stands. */
export async function servePolicy(folder: string, base: string, policy: string): Promise<PolicyServer> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://host');
    const name = pathname === base ? 'index.html' : pathname.slice(base.length);
    const headers = { 'Content-Type': TYPES.get(extname(name)) ?? 'application/octet-stream', 'Content-Security-Policy': policy };
    readFile(join(folder, name)).then(
      (bytes) => response.writeHead(200, headers).end(bytes),
      () => response.writeHead(404, headers).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://localhost:${port}${base}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
