/*
 * Runs a suite in Chromium: bundles it, serves it and drives it. The profile lies on the disk, because off the record IndexedDB lies
 * in memory; the page is isolated, because clocks are 20 times finer there.
 */

import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { build } from 'rolldown';
import type { Plugin } from 'rolldown';
import { root } from '../../scripts/entries.ts';
import { makeProfile } from '../../test/support/chromium.ts';
import { type DataServer, dataServer } from '../data/server.ts';
import type { Driver } from './rounds.ts';
import type { Script, Suite } from './suite.ts';

/** A suite in a browser. */
export interface BrowserBench extends Driver {
  readonly browserVersion: string;
  close(): Promise<void>;
}

/** Makes an entry of a few lines, which no file has to hold. */
function virtualEntry(name: string, code: string): Plugin {
  return {
    name: 'virtual-entry',
    resolveId: (id) => (id === name ? join(root, 'bench/harness', `${name}.ts`) : null),
    load: (id) => (id === join(root, 'bench/harness', `${name}.ts`) ? { code, moduleType: 'ts' } : null),
  };
}

async function bundle(folder: string, file: string, { code, chunkSize }: Script): Promise<void> {
  const entry = `bench-${file.slice(0, -3)}`;
  await build({
    cwd: root,
    input: entry,
    platform: 'browser',
    plugins: [virtualEntry(entry, code), ...(chunkSize === undefined ? [] : [withChunkSize(chunkSize)])],
    logLevel: 'silent',
    output: { file: join(folder, file), format: 'esm', codeSplitting: false },
  });
}

/** Builds an engine with another CHUNK_SIZE. */
function withChunkSize(bytes: number): Plugin {
  return {
    name: 'chunk-size',
    transform(code, id) {
      if (!/[\\/]overlay[\\/]chunk-size\.ts$/.test(id)) return null;
      const changed = code.replace(/const CHUNK_SIZE = [^;]+;/, `const CHUNK_SIZE = ${bytes};`);
      if (changed === code) throw new Error(`${id} does not say CHUNK_SIZE`);
      return { code: changed, map: null };
    },
  };
}

async function bundleAll(folder: string, { name, scripts = {} }: Suite): Promise<void> {
  const all: Record<string, Script> = {
    ...scripts,
    'suite.js': { code: `import { suite } from '../tasks/${name}.ts'; import { serveSuite } from './worker.ts'; serveSuite(suite);` },
    'page.js': { code: `import { relayTo } from './worker.ts'; relayTo(new Worker('/suite.js', { type: 'module' }));` },
  };
  for (const [file, script] of Object.entries(all)) await bundle(folder, file, script);
}

function serve(folder: string, where: Suite['where'], answerData: DataServer): Promise<Server> {
  const page = `<!doctype html><title>bench</title><script type="module" src="/${where === 'page' ? 'suite' : 'page'}.js"></script>`;
  const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
  const server = createServer((request, response) => {
    if (answerData(request, response)) return;
    const path = request.url ?? '/';
    if (path === '/') return void response.writeHead(200, { ...headers, 'Content-Type': 'text/html' }).end(page);
    if (!/^\/[\w.-]+\.js$/.test(path)) return void response.writeHead(404).end();
    readFile(join(folder, path)).then(
      (code) => response.writeHead(200, { ...headers, 'Content-Type': 'text/javascript' }).end(code),
      () => response.writeHead(404).end(),
    );
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** Bundles a suite and opens it in a new profile. */
export async function openInBrowser(suite: Suite): Promise<BrowserBench> {
  const folder = await mkdtemp(join(tmpdir(), 'stratafs-bench-'));
  await bundleAll(folder, suite);
  const server = await serve(folder, suite.where, await dataServer(suite.data ?? []));
  const profile = await makeProfile();
  const close = async (): Promise<void> => {
    await profile.remove();
    server.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const browser = await profile.launch();
    const open = async (): Promise<Page> => {
      const page = await browser.newPage();
      page.on('pageerror', (error) => process.stderr.write(`${error.stack ?? error.message}\n`));
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      await page.waitForFunction(() => window.bench !== undefined);
      return page;
    };
    let page = await open();
    return {
      browserVersion: browser.browser()?.version() ?? (await page.evaluate(() => navigator.userAgent)),
      outline: () => page.evaluate(() => window.bench!.outline()),
      call: (scenario, contestant) => page.evaluate(([s, c]) => window.bench!.call(s, c), [scenario, contestant] as const),
      async restart() {
        await page.close(); // and with it the worker that hangs
        page = await open();
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
