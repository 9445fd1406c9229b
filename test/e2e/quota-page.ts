/*
 * The page of the quota tests: a workspace, and a record of what was acknowledged, to be compared with what is there. Its functions are
 * called by the test, one at a time.
 */

import { isFsError, open, type OpenOptions, type Workspace } from '../../src/index.ts';
import { contentOf, digestOf } from '../kill/random.ts';

/** What the page offers to the test. */
export interface QuotaPage {
  open(options: Partial<OpenOptions>): Promise<void>;
  /** The code of the error that opening gives. */
  openingFails(options: Partial<OpenOptions>): Promise<string>;
  close(): Promise<void>;
  /** Writes files below /full until one is refused; gives how many were taken, and the codes of refusals. */
  fill(size: number, width: number): Promise<{ readonly taken: number; readonly codes: readonly string[] }>;
  /** Makes one call; *ok*, or the code of its error. */
  attempt(call: Call): Promise<string>;
  /** Several calls in one batch. */
  batch(calls: readonly Call[]): Promise<string>;
  /** What differs between what was acknowledged and what is there, and what the checker says. */
  differences(): Promise<readonly string[]>;
  /** The paths of acknowledged files below `root`. */
  files(root: string): Promise<readonly string[]>;
  /** What is acknowledged, for the page that comes after a reload. */
  remember(): Promise<Memory>;
  recall(memory: Memory): Promise<void>;
  guard(): Promise<string>;
}

export type Call =
  | readonly ['write', path: string, size: number]
  | readonly ['unlink' | 'remove' | 'mkdir' | 'chmod', path: string]
  | readonly ['truncate', path: string, size: number];
export type Memory = readonly (readonly [path: string, line: string])[];

let ws: Workspace;
let seed = 1;
/** Path -> size and digest, or `directory`. */
const acknowledged = new Map<string, string>();

const lineOf = (bytes: Uint8Array): string => `${bytes.length} ${digestOf(bytes)}`;

async function read(path: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await ws.fs.readdir(path, { withFileTypes: true })) {
    const child = path === '/' ? `/${entry.name}` : `${path}/${entry.name}`;
    if (entry.isDirectory()) {
      found.set(child, 'directory');
      for (const [name, line] of await read(child)) found.set(name, line);
    } else found.set(child, lineOf(await ws.fs.readFile(child)));
  }
  return found;
}

type Fs = Pick<Workspace['fs'], 'writeFile' | 'unlink' | 'rm' | 'mkdir' | 'chmod' | 'truncate'>;

/** Makes a call, and gives what is to be noted when it is acknowledged. */
async function make(fs: Fs, call: Call): Promise<() => Promise<void> | void> {
  const [kind, path] = call;
  switch (kind) {
    case 'write': {
      const bytes = contentOf(seed++, call[2]);
      await fs.writeFile(path, bytes);
      return () => void acknowledged.set(path, lineOf(bytes));
    }
    case 'truncate':
      await fs.truncate(path, call[2]);
      return async () => void acknowledged.set(path, lineOf(await ws.fs.readFile(path)));
    case 'mkdir':
      await fs.mkdir(path);
      return () => void acknowledged.set(path, 'directory');
    case 'chmod':
      await fs.chmod(path, 0o600);
      return () => undefined;
    case 'unlink':
    case 'remove':
      await (kind === 'unlink' ? fs.unlink(path) : fs.rm(path, { recursive: true }));
      return () => {
        const gone = [...acknowledged.keys()].filter((name) => name === path || name.startsWith(`${path}/`));
        for (const name of gone) acknowledged.delete(name);
      };
    default:
      return call satisfies never;
  }
}

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'ok';
  } catch (e) {
    if (!isFsError(e)) throw e;
    return e.code;
  }
}

const openWith = (options: Partial<OpenOptions>): Promise<Workspace> =>
  open({ name: 'full', lower: [{ url: '/lower.zip' }], workerUrl: '/worker.js', ...options });

const page: QuotaPage = {
  async open(options) {
    ws = await openWith(options);
    if (acknowledged.size === 0) for (const [path, line] of await read('/')) acknowledged.set(path, line);
  },
  openingFails: (options) => codeOf(async () => (await openWith(options)).close()),
  close: () => ws.close(),
  async fill(size, width) {
    const codes: string[] = [];
    let taken = 0;
    const writer = async (): Promise<void> => {
      while (codes.length === 0) {
        const code = await page.attempt(['write', `/full/f${seed}`, size]);
        if (code === 'ok') taken++;
        else codes.push(code);
      }
    };
    await Promise.all(Array.from({ length: width }, writer));
    return { taken, codes };
  },
  attempt: (call) => codeOf(async () => (await make(ws.fs, call))()),
  batch: (calls) =>
    codeOf(async () => {
      const notes: (() => Promise<void> | void)[] = [];
      await ws.batch(async (fs) => {
        for (const call of calls) notes.push(await make(fs, call));
      });
      for (const note of notes) await note();
    }),
  async differences() {
    const found = await read('/');
    const messages = (await ws.check()).map((violation) => JSON.stringify(violation));
    for (const [path, line] of acknowledged) if (found.get(path) !== line) messages.push(`${path}: ${found.get(path)}, was ${line}`);
    for (const path of found.keys()) if (!acknowledged.has(path)) messages.push(`${path}: nobody was told of it`);
    return messages.slice(0, 10);
  },
  files: async (root) =>
    [...acknowledged].filter(([path, line]) => path.startsWith(`${root}/`) && line !== 'directory').map(([path]) => path),
  remember: async () => [...acknowledged],
  recall: async (memory) => {
    for (const [path, line] of memory) acknowledged.set(path, line);
    seed = 1e6;
  },
  guard: async () => ws.guard,
};
Object.assign(globalThis, { quota: page });
