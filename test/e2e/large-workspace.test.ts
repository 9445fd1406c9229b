/*
 * A workspace far larger than the memory that its worker may take: written, reloaded, read back. STRATAFS_LARGE_WORKSPACE (mebibytes
 * of content, default 112) makes it larger. The worker's memory is what V8 tells after a collection, so that only what is held counts.
 */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, CDPSession, Page } from 'playwright-core';
import { build } from 'rolldown';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../../scripts/entries.ts';
import { makeProfile } from '../support/chromium.ts';
import type { Profile } from '../support/chromium.ts';
import type { LargeWorkspacePage } from './large-workspace-page.ts';

const MIB = 1 << 20;
const TOTAL = Number(process.env.STRATAFS_LARGE_WORKSPACE ?? 112);
/** Mebibytes in the one large file; the rest is in files of one mebibyte each. */
const LARGE = Math.floor(TOTAL / 3);
const FILES = TOTAL - LARGE;
/** Mebibytes between two looks at the memory. */
const STEP = 20;
/** The engine's chunk cache (32 MiB), with room for what is under way: four calls of one mebibyte, as bytes, chunks and messages. */
const HELD_BUDGET = 32 * MIB + 16 * MIB;

let folder = '';
let server: Server;
let profile: Profile;
let browser: BrowserContext;
let page: Page;

async function bundle(input: string, name: string): Promise<void> {
  const output = { file: join(folder, name), format: 'esm', codeSplitting: false } as const;
  await build({ cwd: root, input, platform: 'browser', logLevel: 'silent', output });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stratafs-large-'));
  await bundle('test/e2e/large-workspace-page.ts', 'page.js');
  await bundle('src/rpc/worker-script.ts', 'worker.js');
  server = createServer((request, response) => {
    const html = '<!doctype html><title>large</title><script type="module" src="/page.js"></script>';
    if (request.url === '/') return void response.writeHead(200, { 'Content-Type': 'text/html' }).end(html);
    readFile(join(folder, request.url === '/page.js' ? 'page.js' : 'worker.js')).then(
      (code) => response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(code),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  profile = await makeProfile();
  browser = await profile.launch();
  page = await browser.newPage();
  await visit();
});

afterAll(async () => {
  await profile?.remove();
  server?.close();
  await rm(folder, { recursive: true, force: true });
});

async function visit(): Promise<void> {
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction(() => window.large !== undefined);
}

/** Calls one of the page's functions. */
function call<M extends keyof LargeWorkspacePage>(
  method: M,
  ...args: Parameters<LargeWorkspacePage[M]>
): Promise<Awaited<ReturnType<LargeWorkspacePage[M]>>> {
  const run = ([name, given]: readonly [string, readonly unknown[]]): unknown =>
    (window.large as unknown as Record<string, (...all: readonly unknown[]) => unknown>)[name]?.(...given);
  return page.evaluate(run, [method, args] as const) as Promise<Awaited<ReturnType<LargeWorkspacePage[M]>>>;
}

interface HeapUsage {
  readonly usedSize: number;
  readonly backingStorageSize?: number;
}

/** Bytes that the page's only worker holds after a collection: its heap and its array buffers. */
class WorkerMemory {
  most = 0;
  #next = 1;
  readonly #answers = new Map<number, (result: HeapUsage) => void>();

  private constructor(
    private readonly session: CDPSession,
    private readonly worker: string,
  ) {
    session.on('Target.receivedMessageFromTarget', ({ message }) => {
      const { id, result } = JSON.parse(message) as { id?: number; result: HeapUsage };
      if (id !== undefined) this.#answers.get(id)?.(result);
    });
  }

  static async attach(): Promise<WorkerMemory> {
    const session = await browser.newCDPSession(page);
    const attached = new Promise<string>((resolve) => {
      session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
        if (targetInfo.type === 'worker') resolve(sessionId);
      });
    });
    await session.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
    return new WorkerMemory(session, await attached);
  }

  async look(): Promise<number> {
    await this.#ask('HeapProfiler.collectGarbage');
    const { usedSize, backingStorageSize } = await this.#ask('Runtime.getHeapUsage');
    expect(backingStorageSize, 'Chromium tells the size of array buffers').toBeTypeOf('number');
    const held = usedSize + (backingStorageSize ?? 0);
    this.most = Math.max(this.most, held);
    return held;
  }

  async #ask(method: string): Promise<HeapUsage> {
    const id = this.#next++;
    const answer = new Promise<HeapUsage>((resolve) => this.#answers.set(id, resolve));
    await this.session.send('Target.sendMessageToTarget', { sessionId: this.worker, message: JSON.stringify({ id, method }) });
    return answer;
  }
}

/** Goes through a number of mebibytes in steps, with a look at the memory after each. */
async function inSteps<T>(count: number, memory: WorkerMemory, work: (first: number, count: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let at = 0; at < count; at += STEP) {
    results.push(await work(at, Math.min(STEP, count - at)));
    await memory.look();
  }
  return results;
}

const shown = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;

describe(`a workspace of ${TOTAL} MiB`, { timeout: 60_000 + TOTAL * 1000 }, () => {
  test('is written without its content staying in memory', async ({ annotate }) => {
    await call('open', 'large');
    const memory = await WorkerMemory.attach();
    await inSteps(FILES, memory, (first, count) => call('writeFiles', first, count, MIB));
    await inSteps(LARGE, memory, (first, count) => call('writeLarge', first, count));
    await annotate(`held by the worker at most: ${shown(memory.most)}`);
    expect(memory.most).toBeLessThan(HELD_BUDGET);
    // The look sees array buffers: the cache is full of them.
    expect(memory.most).toBeGreaterThan(24 * MIB);
  });

  test('is read back whole after a reload, without its content staying in memory', async ({ annotate }) => {
    await visit();
    await call('open', 'large');
    const memory = await WorkerMemory.attach();
    await annotate(`held by the worker after the mount: ${shown(await memory.look())}`);
    expect(memory.most).toBeLessThan(8 * MIB);
    expect((await inSteps(FILES, memory, (first, count) => call('wrongFiles', first, count, MIB))).flat()).toEqual([]);
    expect((await inSteps(LARGE, memory, (first, count) => call('wrongInLarge', first, count))).flat()).toEqual([]);
    expect(await call('readLargeWhole')).toBe(LARGE * MIB);
    await memory.look();
    await annotate(`held by the worker at most: ${shown(memory.most)}`);
    expect(memory.most).toBeLessThan(HELD_BUDGET);
    await call('close');
  });

  test('mounts as fast as one with as many files of 1 KiB', async ({ annotate }) => {
    await visit();
    await call('open', 'small');
    await call('writeFiles', 0, FILES, 1024);
    await call('writeLarge', 0, 1);
    await call('close');
    await visit();
    const small = await call('mountTime', 'small', 7);
    const large = await call('mountTime', 'large', 7);
    await annotate(`mounts: ${small.ms.toFixed(1)} ms of ${FILES} KiB, ${large.ms.toFixed(1)} ms of ${TOTAL} MiB`);
    expect([small.names, large.names]).toEqual([FILES + 1, FILES + 1]);
    // Reading the content would take 300 ms for every 100 MiB.
    expect(large.ms).toBeLessThan(2 * small.ms + 30);
  });
});
