/*
 * A page and its worker as static files: the sources are bundled once, in memory, and served from there, so that starting a browser
 * on them takes as long as the browser. The page starts the worker by `workerUrl`.
 */

import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { bundle } from '../support/bundle.ts';

export interface SiteOptions {
  /** Name to be served as (without '/') -> script to be bundled, relative to the repository. */
  readonly scripts: Readonly<Record<string, string>>;
  /** Name to be served as (without '/') -> content. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
  /** The script that the page runs. Default: none; tests bring their own by `page.evaluate`. */
  readonly main?: string;
}

export interface Site extends AsyncDisposable {
  /** `http://localhost:PORT`, which browsers count among the secure origins. */
  readonly origin: string;
  readonly server: Server;
}

/**
 * Bundles and serves.
 *
 * @example
 * await using site = await startSite({ scripts: { 'page.js': 'test/kill/page.ts', 'worker.js': 'src/rpc/worker-script.ts' }, main: 'page.js' });
 */
export async function startSite({ scripts, files = {}, main }: SiteOptions): Promise<Site> {
  const served = new Map<string, readonly [type: string, content: string | Uint8Array]>();
  for (const [name, input] of Object.entries(scripts)) served.set(`/${name}`, ['text/javascript', await bundle(input)]);
  for (const [name, content] of Object.entries(files)) served.set(`/${name}`, ['application/octet-stream', content]);
  const script = main === undefined ? '' : `<script type="module" src="/${main}"></script>`;
  served.set('/', ['text/html', `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>stratafs</title>${script}`]);
  const server = createServer((request, response) => {
    const found = served.get(new URL(request.url ?? '/', 'http://localhost').pathname);
    if (found === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': found[0], 'content-length': Buffer.byteLength(found[1]) }).end(found[1]);
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    server,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy(); // WebSockets too, which the server does not count among its connections
      await closed;
    },
  };
}
