/* A page that starts workers, served from this machine; their functions are called from Node. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BrowserContext, Page } from 'playwright-core';
import { bundle } from '../support/bundle.ts';

export interface ServedPage {
  readonly url: string;
  close(): Promise<void>;
}

/** The script is fetched once by the page, so that it can start a worker without a network too. */
const PAGE = `<!doctype html><meta charset="utf-8"><title>offline</title><script type="module">
const script = URL.createObjectURL(new Blob([await (await fetch('/worker.js')).text()], { type: 'text/javascript' }));
const waiting = new Map();
let worker, last = 0;
globalThis.startWorker = () => {
  worker?.terminate();
  worker = new Worker(script, { type: 'module' });
  worker.onmessage = ({ data: { id, value, error } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(value); else reject(new Error(error));
  };
};
startWorker();
globalThis.call = (name, ...args) => new Promise((resolve, reject) => {
  waiting.set(++last, { resolve, reject });
  worker.postMessage({ id: last, name, args });
});
document.title = 'ready';
</script>`;

export async function servePage(script: string): Promise<ServedPage> {
  const code = await bundle(script);
  const server = createServer((request, response) => {
    const isScript = request.url === '/worker.js';
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html', 'cache-control': 'no-store' });
    response.end(isScript ? code : PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** One tab with its worker. */
export class Tab {
  private constructor(readonly page: Page) {}

  static async open(browser: BrowserContext, url: string): Promise<Tab> {
    const page = await browser.newPage();
    await page.goto(url);
    await page.waitForFunction(() => document.title === 'ready');
    return new Tab(page);
  }

  call<T>(name: string, ...args: readonly unknown[]): Promise<T> {
    return this.page.evaluate(
      ([called, passed]) => (globalThis as unknown as { call(name: string, ...args: unknown[]): Promise<T> }).call(called, ...passed),
      [name, args] as const,
    );
  }

  /** Ends the worker as it is, and starts another. */
  async restart(): Promise<void> {
    await this.page.evaluate(() => (globalThis as unknown as { startWorker(): void }).startWorker());
  }
}
