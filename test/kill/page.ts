/*
 * The page of the kill tests. It does what Node tells it over a WebSocket: opens the workspace, shows the whole tree, works off streams of
 * operations, and reports each acknowledgement. It keeps nothing itself but a witness: a database beside the workspace's, which tells
 * whether the browser has deleted the databases of this origin.
 */

import { type FsError, open, type Workspace } from '../../src/index.ts';
import type { FsPromises } from '../../src/fs/api.ts';
import type { Command, Report } from './messages.ts';
import type { Operation, Stream } from './operations.ts';
import { contentOf, digestOf } from './random.ts';

type BatchFs = Parameters<Parameters<Workspace['batch']>[0]>[0];

const WITNESS = 'witness';

const socket = new WebSocket(`ws://${location.host}`);
const report = (message: Report): void => socket.send(JSON.stringify(message));
let ws: Workspace | undefined;
let worker: Worker | undefined;
let opening: Extract<Command, { do: 'open' }> | undefined;

socket.onopen = () => report({ did: 'start' });
socket.onmessage = ({ data }) => {
  const command = JSON.parse(String(data)) as Command;
  if (command.do === 'open') void openAndShow(command);
  else if (command.do === 'run') void run(command.streams, command.run);
  else {
    worker?.terminate();
    void openAndShow(opening!);
  }
};

async function openAndShow(command: Extract<Command, { do: 'open' }>): Promise<void> {
  opening = command;
  const witness = await hasWitness();
  try {
    worker = new Worker(command.workerUrl, { type: 'module' });
    ws = await open({ ...command.options, worker });
    await makeWitness();
    const tree = (await Promise.all(command.roots.map((root) => show(ws!.fs, root)))).flat().sort();
    const violations = (await ws.check()).map((violation) => JSON.stringify(violation));
    report({ did: 'open', witness, guard: ws.guard, restored: ws.restored?.what, tree, violations });
  } catch (e) {
    const error = e as FsError;
    report({
      did: 'fail',
      witness,
      code: String(error.code),
      message: `${error.message} ${error.cause instanceof Error ? error.cause.message : ''}`,
    });
  }
}

async function hasWitness(): Promise<boolean> {
  return (await indexedDB.databases()).some(({ name }) => name === WITNESS);
}

function makeWitness(): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(WITNESS, 1);
    request.onerror = () => reject(request.error ?? new Error('no witness'));
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
  });
}

async function show(fs: FsPromises, root: string): Promise<string[]> {
  const entries = await fs.readdir(root, { withFileTypes: true });
  const parts = entries.map(async (entry) => {
    const path = `${root}/${entry.name}`;
    if (entry.isDirectory()) return [`${path} directory`, ...(await show(fs, path))];
    const bytes = await fs.readFile(path);
    const { size } = await fs.stat(path);
    return [`${path} ${size === bytes.length ? size : `stat says ${size}, there are ${bytes.length}`} ${digestOf(bytes)}`];
  });
  return (await Promise.all(parts)).flat();
}

async function run(streams: readonly Stream[], number: number): Promise<void> {
  const workspace = ws!;
  await Promise.all(streams.map((stream, i) => work(workspace, stream, { run: number, stream: i })));
  report({ did: 'finish' });
}

/** Keeps `width` operations under way. They are begun in order, so they reach the engine in order. */
async function work(
  workspace: Workspace,
  { operations, width }: Stream,
  of: { readonly run: number; readonly stream: number },
): Promise<void> {
  const running = new Set<Promise<void>>();
  for (const [number, operation] of operations.entries()) {
    const done = perform(workspace, operation).then(
      () => report({ did: 'acknowledge', ...of, number }),
      (e: unknown) => report({ did: 'reject', ...of, number, message: `${JSON.stringify(operation).slice(0, 200)}: ${String(e)}` }),
    );
    const noted = done.finally(() => running.delete(noted));
    running.add(noted);
    if (running.size >= width) await Promise.race(running);
  }
  await Promise.all(running);
}

async function perform(workspace: Workspace, operation: Operation): Promise<void> {
  if (operation.kind === 'batch') {
    return workspace.batch(async (fs) => {
      for (const part of operation.operations) await call(fs, part);
    });
  }
  if (operation.kind !== 'patch') return call(workspace.fs, operation);
  const file = await workspace.fs.open(operation.path, 'r+');
  try {
    await file.write(contentOf(operation.seed, operation.size), 0, operation.size, operation.at);
  } finally {
    await file.close();
  }
}

async function call(fs: BatchFs, operation: Operation): Promise<void> {
  switch (operation.kind) {
    case 'write':
      return fs.writeFile(operation.path, contentOf(operation.seed, operation.size));
    case 'truncate':
      return fs.truncate(operation.path, operation.size);
    case 'copy':
      return fs.copyFile(operation.path, operation.to);
    case 'rename':
      return fs.rename(operation.path, operation.to);
    case 'mkdir':
      return void (await fs.mkdir(operation.path));
    case 'remove':
      return fs.rm(operation.path, { recursive: true });
    case 'patch':
      return patch(fs, operation);
    case 'batch':
      throw new Error('a batch in a batch');
    default:
      operation satisfies never;
  }
}

/** In a batch there are no open files: the whole content is written anew, or appended to. */
async function patch(fs: BatchFs, { path, at, seed, size }: Extract<Operation, { kind: 'patch' }>): Promise<void> {
  const before = await fs.readFile(path);
  if (at === before.length) return fs.appendFile(path, contentOf(seed, size));
  const after = new Uint8Array(Math.max(before.length, at + size));
  after.set(before);
  after.set(contentOf(seed, size), at);
  return fs.writeFile(path, after);
}
