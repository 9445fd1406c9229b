/* The page of test/e2e/tabs.test.ts: a tab that opens a workspace in a worker of its own, and is told from Node what to do. */

import { open, type OpenOptions, type Workspace } from '../../src/index.ts';
import { randomNumbers } from '../kill/random.ts';
import { work, type Report } from './tabs-work.ts';

/** How a call ended, as it crosses to Node. */
export type Ended = { readonly value: unknown } | { readonly code: string; readonly message: string };

export interface TabPage {
  open(options: Pick<OpenOptions, 'name' | 'lower'>): Promise<void>;
  /** Calls a method of the file system. Bytes are given back as text. */
  fs(method: string, ...args: unknown[]): Promise<Ended>;
  /** Starts calls without waiting for them. */
  start(calls: readonly (readonly [method: string, ...args: unknown[]])[]): void;
  /** How those calls ended, in their order. */
  ended(): Promise<Ended[]>;
  check(): Promise<unknown[]>;
  /** Starts watching. */
  watch(path: string): void;
  /** What was heard so far. */
  heard(): string[];
  spin(milliseconds: number): void;
  terminate(): void;
  close(): Promise<void>;
  /** Starts random work, which tells Node by the function `report`. */
  work(name: string, seed: number): void;
  /** Ends it; resolves when the last step is reported. */
  stop(): Promise<void>;
  /** Every file with its content, sorted. */
  tree(): Promise<[path: string, content: string][]>;
  /** Milliseconds of a stat: the median of many. */
  roundTrip(path: string): Promise<number>;
}

const worker = new Worker('/worker.js', { type: 'module' });
let ws: Workspace;
let started: Promise<Ended>[] = [];
const heard: string[] = [];
let goesOn = true;
let working: Promise<void> = Promise.resolve();

async function endOf(call: Promise<unknown>): Promise<Ended> {
  try {
    const value = await call;
    return { value: value instanceof Uint8Array ? new TextDecoder().decode(value) : structuredClone(value) };
  } catch (e) {
    const { code = 'none', message } = e as Error & { readonly code?: string };
    return { code, message };
  }
}

function callFs(method: string, args: readonly unknown[]): Promise<unknown> {
  return Reflect.apply(Reflect.get(ws.fs, method) as (...args: unknown[]) => Promise<unknown>, ws.fs, args);
}

async function listen(path: string): Promise<void> {
  for await (const { eventType, filename } of ws.fs.watch(path)) heard.push(`${eventType} ${filename}`);
}

const tab: TabPage = {
  async open(options) {
    ws = await open({ ...options, worker });
  },
  fs: (method, ...args) => endOf(callFs(method, args)),
  start(calls) {
    started = calls.map(([method, ...args]) => endOf(callFs(method, args)));
  },
  ended: () => Promise.all(started),
  check: () => ws.check(),
  watch(path) {
    void listen(path);
  },
  heard: () => heard,
  spin: (milliseconds) => worker.postMessage({ spin: milliseconds }),
  terminate: () => worker.terminate(),
  close: () => ws.close(),
  work(name, seed) {
    const { report } = globalThis as unknown as { report(report: Report): Promise<void> };
    working = work(ws.fs, name, randomNumbers(seed), report, () => goesOn);
  },
  stop() {
    goesOn = false;
    return working;
  },
  async tree() {
    const names = (await ws.fs.readdir('/')).sort();
    return Promise.all(names.map(async (name): Promise<[string, string]> => [`/${name}`, await ws.fs.readFile(`/${name}`, 'utf8')]));
  },
  async roundTrip(path) {
    const times: number[] = [];
    for (let i = 0; i < 300; i++) {
      const before = performance.now();
      await ws.fs.lstat(path);
      times.push(performance.now() - before);
    }
    return times.sort((a, b) => a - b)[150] ?? 0;
  },
};

Object.assign(globalThis, { tab });
