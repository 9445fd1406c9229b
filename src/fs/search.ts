/*
 * Literal search over the merged tree. First the names are walked, then the files are read, piece by piece and a few ahead of the one
 * that is looked into, in the order of the archives. It never stops at what cannot be read, and gives others their turn.
 *
 * The tree may change meanwhile: a file is what it is when it is read, and one that is gone by then is passed over.
 */

import { encodeUtf8 } from '../base/bytes.ts';
import { ArgumentError, FsError, assertNotAborted } from '../base/errors.ts';
import { R_OK, isFile } from '../base/mode.ts';
import type { SearchOptions, SearchedFile } from '../base/search.ts';
import { type Codec, type Needle, loadCodec, makeNeedle } from '../codec/codec.ts';
import { assertAccess } from '../overlay/access.ts';
import { readContent } from '../overlay/data.ts';
import { SearchFilter, type Searched, inReadingOrder, searchedIn } from '../overlay/searched.ts';
import { find } from '../overlay/walk.ts';
import type { Definition } from './operations.ts';
import { type View, perform } from './perform.ts';
import { SearchWindow } from './search-window.ts';
import { Turns } from './turns.ts';

/** Bytes that are read at a time: a handful of blocks. */
const PIECE = 1 << 20;
/** Files that are read before it is their turn, and bytes of them: while one request is on its way, the next ones are as well. */
const AHEAD = 4;
const AHEAD_BYTES = 4 << 20;
/** Bytes in which a NUL says that a file is no text, as grep and git have it. */
const SNIFF = 8 << 10;
const DEFAULT_PER_FILE = 100;
const DEFAULT_LIMIT = 10_000;

const listing: Definition<[string, SearchFilter], ReturnType<typeof searchedIn>> = {
  syscall: 'search',
  paths: 1,
  reads: true,
  run: searchedIn,
};

interface Piece {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly isLast: boolean;
}

const piece: Definition<[path: string, start: number], Piece | undefined> = {
  syscall: 'search',
  paths: 1,
  reads: true,
  isUnrecorded: true,
  run(call, path, start) {
    const { ino } = find(call, path, 'nofollow');
    if (!isFile(call.tree.mode(ino))) return undefined;
    assertAccess(call, ino, R_OK);
    const bytes = readContent(call, ino, start, start + PIECE);
    return { bytes, isLast: start + bytes.length >= call.tree.attr(ino).size };
  },
};

/** What the search of one file needs. */
interface Task {
  readonly view: View;
  readonly turns: Turns;
  readonly codec: Codec;
  readonly needle: Needle;
  readonly isBinaryWanted: boolean;
  readonly signal: AbortSignal;
}

/**
 * Searches. Tells of each file in which something is found, and of what cannot be read.
 * @throws {FsError} EINVAL for a text that cannot be searched for, EIO when the workspace is closed meanwhile
 * @throws {AbortError} when the signal fires @throws {TypeError} for a wrong pattern or number
 */
export async function* search(view: View, text: string, options: SearchOptions): AsyncGenerator<SearchedFile, void, void> {
  const { ignoreCase = false, binary = false, signal } = options;
  const needle = makeNeedle(encodeUtf8(text), ignoreCase);
  const filter = new SearchFilter(options);
  const perFile = toCount(options.perFile, DEFAULT_PER_FILE);
  let room = toCount(options.limit, DEFAULT_LIMIT);
  const turns = new Turns(view.engine, signal);
  turns.assertWanted();
  // Whoever leaves the loop wants nothing any more of what is being read.
  const leaving = new AbortController();
  const leave = (): void => leaving.abort(signal?.reason);
  signal?.addEventListener('abort', leave);
  const task = { view, turns, codec: loadCodec(), needle, isBinaryWanted: binary, signal: leaving.signal };
  try {
    const { files, unreadable } = await listAll(view, filter, turns);
    for (const directory of unreadable.slice(0, room)) yield directory;
    room -= unreadable.length;
    if (room <= 0) return;
    for await (const { path, first } of readAhead(task, files)) {
      const { matches, hasMore, error } = await searchFile(task, path, first, Math.min(room, perFile));
      if (turns.isDue) await turns.pass();
      if (matches.length === 0 && error === undefined) continue;
      yield { path, matches, hasMore, ...(error !== undefined && { error }) };
      turns.assertWanted();
      room -= matches.length + (error === undefined ? 0 : 1);
      if (room <= 0) return;
    }
  } catch (e) {
    // Layers reject with the signal's reason as it is.
    assertNotAborted(signal);
    throw e;
  } finally {
    signal?.removeEventListener('abort', leave);
    leave();
  }
}

/** All files that count, in the order in which they are to be read, and the directories that cannot be. */
async function listAll(view: View, filter: SearchFilter, turns: Turns): Promise<{ files: Searched[]; unreadable: SearchedFile[] }> {
  const files: Searched[] = [];
  const unreadable: SearchedFile[] = [];
  const directories = ['/'];
  for (let path = directories.pop(); path !== undefined; path = directories.pop()) {
    try {
      const found = await perform(view, listing, [path, filter]);
      for (const file of found.files) files.push(file);
      for (const directory of found.directories) directories.push(directory);
    } catch (e) {
      const error = problemOf(view, e);
      if (error !== undefined) unreadable.push({ path, matches: [], hasMore: false, error });
    }
    if (turns.isDue) await turns.pass();
  }
  return { files: files.sort(inReadingOrder), unreadable };
}

/** A piece, `undefined` of what is no regular file any more; or why it cannot be had. */
type Outcome = { readonly piece: Piece | undefined } | { readonly failure: unknown };

/** Gives the files with their first piece, and has the next ones read meanwhile. */
async function* readAhead(task: Task, files: readonly Searched[]): AsyncGenerator<{ path: string; first: Outcome }, void, void> {
  const started: Promise<Outcome>[] = [];
  let next = 0;
  let bytes = 0;
  for (const { path, size } of files) {
    while (next < files.length && started.length < AHEAD) {
      const file = files[next]!;
      // An archive may have to take the whole of a file into memory to give a piece of it.
      if (started.length > 0 && bytes + file.size > AHEAD_BYTES) break;
      started.push(readPiece(task, file.path, 0));
      bytes += file.size;
      next++;
    }
    yield { path, first: await started.shift()! };
    bytes -= size;
  }
}

/** Never rejects: the failure is told when the file has its turn. */
function readPiece({ view, signal }: Task, path: string, start: number): Promise<Outcome> {
  return perform(view, piece, [path, start], signal).then(
    (found) => ({ piece: found }),
    (failure: unknown) => ({ failure }),
  );
}

/** Looks into one file. */
async function searchFile(task: Task, path: string, first: Outcome, limit: number): Promise<Omit<SearchedFile, 'path'>> {
  const { codec, needle, turns } = task;
  const window = new SearchWindow(codec, needle, limit);
  let outcome = first;
  for (let at = 0; ; outcome = await readPiece(task, path, at)) {
    if ('failure' in outcome) return { matches: window.matches, hasMore: false, error: problemOf(task.view, outcome.failure) };
    const { bytes, isLast } = outcome.piece ?? { bytes: new Uint8Array(), isLast: true };
    if (at === 0 && !task.isBinaryWanted && bytes.subarray(0, SNIFF).includes(0)) return window;
    at += bytes.length;
    window.push(bytes, isLast);
    if (window.isOver) return window;
    if (turns.isDue) await turns.pass();
  }
}

/** How a failure is told; not at all where the tree has changed and nothing is at the path any more. Rethrows what ends the search. */
function problemOf({ engine }: View, failure: unknown): SearchedFile['error'] {
  engine.assertOpen();
  if (!(failure instanceof FsError)) throw failure;
  const { code, message } = failure;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' ? undefined : { code, message };
}

function toCount(count: number | undefined, otherwise: number): number {
  if (count === undefined) return otherwise;
  if (!Number.isInteger(count) || count < 1) throw new ArgumentError(`Not a number of matches: ${count}`, 'ERR_OUT_OF_RANGE');
  return count;
}
