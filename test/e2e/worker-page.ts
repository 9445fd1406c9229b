/* A page with one worker, served from this machine, whose functions are called from Node. For what needs a browser and a persistent profile, and no user interface. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { bundle } from '../support/bundle.ts';

export interface WorkerPage {
  readonly url: string;
  close(): Promise<void>;
}

const PAGE = `<!doctype html><meta charset="utf-8"><title>worker</title><script type="module">
const worker = new Worker('/worker.js', { type: 'module' });
const waiting = new Map();
let last = 0;
worker.onmessage = ({ data: { id, value, error } }) => {
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error === undefined) resolve(value); else reject(new Error(error));
};
worker.onerror = (event) => { document.title = 'failed: ' + event.message; };
globalThis.worker = worker;
globalThis.call = (name, ...args) => new Promise((resolve, reject) => {
  waiting.set(++last, { resolve, reject });
  worker.postMessage({ id: last, name, args });
});
</script>`;

/** An isolated page has a clock of five microseconds instead of a hundred. */
const ISOLATED = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

/** Builds a worker's script (a path below the project's root) and serves it with its page. */
export async function serveWorker(script: string): Promise<WorkerPage> {
  const code = await bundle(script);
  const server = createServer((request, response) => {
    const isScript = request.url === '/worker.js';
    response.writeHead(200, { 'Content-Type': isScript ? 'text/javascript' : 'text/html', 'Cache-Control': 'no-store', ...ISOLATED });
    response.end(isScript ? code : PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    // One port a run would be one origin a run: a profile must find what it stored.
    url: `http://localhost:${port}/`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Calls a function of the page's worker. Arguments and results are plain data. */
export function callWorker<T>(page: Page, name: string, ...args: readonly unknown[]): Promise<T> {
  return page.evaluate(
    ([called, passed]) => (globalThis as unknown as { call(name: string, ...args: unknown[]): Promise<T> }).call(called, ...passed),
    [name, args] as const,
  );
}
