/*
 * The upper's content, read again from its store: every chunk that a record names has to be there and to fit where it is named.
 * Others go on changing the tree meanwhile, so that what a chunk has to be is judged by the records as they are when it was read.
 */

import { type InodeRecord, contentOf } from '../layer/upper.ts';
import { label } from './check.ts';
import { bytesAt } from '../layer/chunk-size.ts';
import type { CommitQueue } from './commit.ts';
import type { Tree } from './tree.ts';

/** Bytes and chunks that are read together. */
const BATCH_BYTES = 8 << 20;
const BATCH_CHUNKS = 256;

/** A chunk where a record names it, one of the tree or one that a snapshot shows. */
interface Named {
  readonly record: number;
  /** Position in the record's list. */
  readonly position: number;
  readonly id: number;
  readonly bytes: number;
}

/** Some chunks that were read. */
export interface VerifiedChunks {
  readonly bytes: number;
  readonly damage: readonly { readonly path: string; readonly message: string }[];
}

/** Bytes of all chunks that records name. */
export function storedBytes(tree: Tree): number {
  let bytes = 0;
  for (const named of namedChunks(tree)) bytes += named.bytes;
  return bytes;
}

/** Reads all chunks again, several at a time. */
export async function* verifyChunks({
  tree,
  commits,
}: {
  readonly tree: Tree;
  readonly commits: CommitQueue;
}): AsyncGenerator<VerifiedChunks> {
  let batch: Named[] = [];
  let bytes = 0;
  for (const named of Array.from(namedChunks(tree))) {
    batch.push(named);
    bytes += named.bytes;
    if (bytes < BATCH_BYTES && batch.length < BATCH_CHUNKS) continue;
    yield { bytes, damage: await readAgain(tree, commits, batch) };
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield { bytes, damage: await readAgain(tree, commits, batch) };
}

function* namedChunks(tree: Tree): Generator<Named> {
  for (const [record, stored] of tree.stored()) {
    for (const [position, id] of contentOf(stored)?.chunks.entries() ?? []) {
      if (id !== 0) yield { record, position, id, bytes: lengthAt(tree, record, position) };
    }
  }
}

/** The most bytes that a chunk can have: fewer where zeros follow. */
function lengthAt(tree: Tree, record: number, position: number): number {
  const inode = inodeOf(tree, record);
  return inode === undefined ? 0 : bytesAt(inode, position);
}

function inodeOf(tree: Tree, record: number): InodeRecord | undefined {
  const stored = tree.storedAs(record);
  return stored && contentOf(stored);
}

/** Of what only snapshots show, the path that its inode has now. */
function labelOf(tree: Tree, record: number): string {
  const was = tree.history.records.get(record)?.was;
  return was === undefined ? label(tree, record) : `${label(tree, was)} (in a snapshot)`;
}

async function readAgain(tree: Tree, commits: CommitQueue, batch: readonly Named[]): Promise<VerifiedChunks['damage'][number][]> {
  const stored = batch.filter(({ id }) => !commits.isPending(id));
  const found = await readEach(
    commits,
    stored.map(({ id }) => id),
  );
  const damage: VerifiedChunks['damage'][number][] = [];
  for (const [i, { record, position, id }] of stored.entries()) {
    // Raced with a write: the chunk is nobody's any more.
    if (inodeOf(tree, record)?.chunks[position] !== id) continue;
    const message = judge(found[i], id, lengthAt(tree, record, position));
    if (message !== undefined) damage.push({ path: labelOf(tree, record), message });
  }
  return damage;
}

/** Reads chunks, or why each cannot be read: one that is damaged says nothing of the others. */
async function readEach(commits: CommitQueue, ids: readonly number[]): Promise<(number | undefined | Error)[]> {
  try {
    return (await commits.readStored(ids)).map((bytes) => bytes?.length);
  } catch (e) {
    if (ids.length === 1) return [e instanceof Error ? e : new Error(String(e))];
    const found: (number | undefined | Error)[] = [];
    for (const id of ids) found.push(...(await readEach(commits, [id])));
    return found;
  }
}

function judge(found: number | undefined | Error, id: number, most: number): string | undefined {
  if (found instanceof Error) return found.message;
  if (found === undefined) return `the upper has lost chunk ${id}`;
  if (found === 0 || found > most) return `chunk ${id} has ${found} bytes where 1 to ${most} can be`;
  return undefined;
}
