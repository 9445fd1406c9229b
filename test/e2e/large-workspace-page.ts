/* The page of large-workspace.test.ts: writes and reads workspaces full of numbered content, which it can make again to compare. */

import { open } from '../../src/index.ts';
import type { Workspace } from '../../src/index.ts';

const MIB = 1 << 20;

/** What the test calls in the page. Sizes are in bytes. */
export interface LargeWorkspacePage {
  open(name: string): Promise<void>;
  close(): Promise<void>;
  /** Writes files /f0, /f1, …, a few at a time. */
  writeFiles(first: number, count: number, size: number): Promise<void>;
  /** Gives the numbers of the files that do not hold what was written. */
  wrongFiles(first: number, count: number, size: number): Promise<number[]>;
  /** Writes part of /large through a handle, a mebibyte a call. */
  writeLarge(first: number, count: number): Promise<void>;
  /** Gives the numbers of the mebibytes of /large that are not what was written. */
  wrongInLarge(first: number, count: number): Promise<number[]>;
  /** Reads /large in one call; gives its length. */
  readLargeWhole(): Promise<number>;
  /** Median of the milliseconds that it takes to open a workspace, and how many names it has. */
  mountTime(name: string, times: number): Promise<{ ms: number; names: number }>;
}

declare global {
  interface Window {
    large?: LargeWorkspacePage;
  }
}

const AT_ONCE = 4;
/** The mebibytes of /large are told from the files by their numbers. */
const LARGE_SEED = 1_000_000;

/** Content that no store compresses, another for each number. */
function contentOf(number: number, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  const words = new Uint32Array(bytes.buffer, 0, size >> 2);
  let state = (number + 1) * 2654435761;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return bytes;
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

const mount = (name: string): Promise<Workspace> => open({ name, lower: [], workerUrl: '/worker.js' });

let ws: Workspace | undefined;

function fs(): Workspace['fs'] {
  if (ws === undefined) throw new Error('no workspace is open');
  return ws.fs;
}

/** Calls `work` for a range of numbers, a few at a time. */
async function each(first: number, count: number, work: (i: number) => Promise<unknown>): Promise<void> {
  for (let at = first; at < first + count; at += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, first + count - at) }, (_, i) => work(at + i)));
  }
}

async function wrongOnes(first: number, count: number, read: (i: number) => Promise<readonly [Uint8Array, Uint8Array]>): Promise<number[]> {
  const wrong: number[] = [];
  await each(first, count, async (i) => {
    const [found, wanted] = await read(i);
    if (!isEqual(found, wanted)) wrong.push(i);
  });
  return wrong;
}

window.large = {
  async open(name) {
    ws = await mount(name);
  },
  async close() {
    await ws?.close();
    ws = undefined;
  },
  writeFiles: (first, count, size) => each(first, count, (i) => fs().writeFile(`/f${i}`, contentOf(i, size))),
  wrongFiles: (first, count, size) => wrongOnes(first, count, async (i) => [await fs().readFile(`/f${i}`), contentOf(i, size)]),
  async writeLarge(first, count) {
    await using file = await fs().open('/large', first === 0 ? 'w' : 'r+');
    await each(first, count, (i) => file.write(contentOf(LARGE_SEED + i, MIB), 0, MIB, i * MIB));
  },
  async wrongInLarge(first, count) {
    await using file = await fs().open('/large', 'r');
    return await wrongOnes(first, count, async (i) => [
      (await file.read(new Uint8Array(MIB), 0, MIB, i * MIB)).buffer,
      contentOf(LARGE_SEED + i, MIB),
    ]);
  },
  readLargeWhole: async () => (await fs().readFile('/large')).length,
  async mountTime(name, times) {
    const took: number[] = [];
    let names = 0;
    for (let i = 0; i < times; i++) {
      const start = performance.now();
      await using opened = await mount(name);
      took.push(performance.now() - start);
      names = (await opened.fs.readdir('/')).length;
    }
    // The best: what else the machine does only ever adds.
    return { ms: Math.min(...took), names };
  },
};
