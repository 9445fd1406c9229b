/*
 * Repair: what can be mended in damaged records without losing anything. Marks that mean nothing are removed; an inode that no name
 * leads to any more gets one in /lost+found. Content is never guessed.
 */

import { S_IFDIR, isDirectory, isFile } from '../base/mode.ts';
import { isShownAt } from '../layer/snapshots.ts';
import { type InodeRecord, type Name, type LiveRecord, isWhiteout } from '../layer/upper.ts';
import type { Call } from './call.ts';
import { isName } from './check.ts';
import { chunkSizeOf } from '../layer/chunk-size.ts';
import { copyUpDirectory } from './copy-up.ts';
import { makeDirectory } from './create.ts';
import { FIRST_UPPER_INO, ROOT_INO } from './ino.ts';
import { directoryAt, lookup, lowerEntry } from './lookup.ts';
import type { Directory, Tree } from './tree.ts';

const LOST_AND_FOUND = 'lost+found';

/** Mends what is safe to mend. Gives what was done, by record. */
export function repair(call: Call): ReadonlyMap<number, string> {
  const done = new Map<number, string>();
  const claimed = new Set<string>();
  const lost: number[] = [];
  for (const [id, record] of Array.from(call.tree.records)) repairRecord(call, id, record, { claimed, lost, done });
  call.tree.startAnew();
  for (const id of lost) moveToLostAndFound(call, id, done);
  repairMarks(call, call.tree.root, done);
  call.tree.startAnew();
  repairHistory(call.tree, done);
  return done;
}

interface Progress {
  /** Names that a record has already, as `directory/name`. */
  readonly claimed: Set<string>;
  /** Inodes that no name leads to. */
  readonly lost: number[];
  readonly done: Map<number, string>;
}

function repairRecord(call: Call, id: number, record: LiveRecord, { claimed, lost, done }: Progress): void {
  const { tree } = call;
  const kept = record.names.filter((name) => leadsSomewhere(call, id, name) && !claimed.has(name.join('/')));
  for (const name of kept) claimed.add(name.join('/'));
  if (isWhiteout(record)) {
    if (kept.length === 1 && tree.inode(kept[0]![0])?.opaque !== true) return;
    tree.remove(id);
    done.set(id, 'removed a whiteout that hides nothing');
    return;
  }
  const names = isDirectory(record.mode) ? kept.slice(0, 1) : kept;
  const isNamed = names.length > 0 || id === ROOT_INO || record.nlink === 0;
  const isLowerLink = id < FIRST_UPPER_INO && record.names.length === 0 && !isDirectory(record.mode);
  if (!isNamed && !isLowerLink) lost.push(id);
  const mended = trimmed(tree, id, { ...record, names });
  if (names.length === record.names.length && JSON.stringify(mended) === JSON.stringify({ ...record, names })) return;
  tree.put(id, mended);
  done.set(id, names.length < record.names.length ? 'dropped a name that led nowhere' : 'corrected its attributes');
}

/** What no snapshot shows serves nobody. What one shows stays as it is. */
function repairHistory(tree: Tree, done: Map<number, string>): void {
  for (const [id, version] of tree.history.records) {
    if (tree.history.snapshots.list.some((snapshot) => isShownAt(version, snapshot.id))) continue;
    tree.removeHistory(id);
    done.set(id, 'removed what no snapshot shows');
  }
}

/** A name counts when it is one, and its directory is there and can be reached without passing the record itself. */
function leadsSomewhere({ tree }: Call, id: number, [directory, name]: Name): boolean {
  if (!isName(name)) return false;
  const seen = new Set([id]);
  for (let at = directory; at !== ROOT_INO;) {
    const record = tree.inode(at);
    if (record === undefined || !isDirectory(record.mode) || seen.has(at)) return false;
    seen.add(at);
    const above = record.names[0]?.[0];
    if (above === undefined) return directory !== at; // what is below a lost directory goes along with it
    at = above;
  }
  return tree.inode(ROOT_INO) !== undefined;
}

/** An inode without the marks and numbers that contradict the rest of it. */
function trimmed({ layers }: Tree, id: number, record: InodeRecord): InodeRecord {
  const { size, origin } = record;
  const originEnd = origin === undefined ? 0 : (layers[origin.layer]?.table.size(origin.entry) ?? record.originSize);
  const nlink = isDirectory(record.mode) ? Math.min(record.nlink, 1) : record.names.length;
  const isUpper = id >= FIRST_UPPER_INO && record.nlink > 0;
  return {
    ...record,
    nlink: isUpper || isDirectory(record.mode) ? nlink : Math.max(record.nlink, nlink),
    chunks: isFile(record.mode) ? record.chunks.slice(0, Math.ceil(size / chunkSizeOf(record))) : record.chunks,
    originSize: Math.min(record.originSize, size, originEnd),
    opaque: isDirectory(record.mode) && record.redirect === undefined ? record.opaque : undefined,
    redirect: isDirectory(record.mode) ? record.redirect : undefined,
  };
}

function moveToLostAndFound(call: Call, id: number, done: Map<number, string>): void {
  const { tree } = call;
  const directory = lostAndFound(call);
  const record = tree.inode(id)!;
  const name = `#${id}`;
  const nlink = Math.max(record.nlink, 1);
  tree.put(id, {
    ...record,
    names: [[directory.ino, name]],
    nlink,
    ...(isDirectory(record.mode) && record.redirect === undefined && { opaque: true }),
  });
  tree.forgetEntries(directory);
  done.set(id, `moved to /${LOST_AND_FOUND}/${name}`);
}

function lostAndFound(call: Call): Directory {
  const { tree } = call;
  copyUpDirectory(call, tree.root);
  const ino = lookup(tree, tree.root, LOST_AND_FOUND);
  if (ino !== undefined && (tree.mode(ino) & S_IFDIR) !== 0) {
    const found = directoryAt(tree, tree.root, LOST_AND_FOUND, ino);
    copyUpDirectory(call, found);
    return found;
  }
  return makeDirectory(call, { directory: tree.root, name: LOST_AND_FOUND, ino: undefined, slash: false, dots: undefined }, 0o700);
}

/** Marks that can only be judged in the merged tree: whiteouts that hide nothing, directories that let lowers through, dead redirects. */
function repairMarks(call: Call, directory: Directory, done: Map<number, string>): void {
  const { tree } = call;
  for (const [name, id] of Array.from(tree.names.get(directory.ino) ?? [])) {
    const record = tree.records.get(id)!;
    if (isWhiteout(record)) {
      if (lowerEntry(tree, directory.stack, name) !== undefined) continue;
      tree.remove(id);
      done.set(id, 'removed a whiteout that hides nothing');
    } else if (isDirectory(record.mode)) {
      const child = directoryAt(tree, directory, name, id);
      const showsThrough = id >= FIRST_UPPER_INO && record.redirect === undefined && child.stack.length > 0;
      const isDead = record.redirect !== undefined && child.stack.length === 0;
      if (showsThrough || isDead) {
        tree.put(id, { ...record, redirect: undefined, opaque: true });
        done.set(id, isDead ? 'removed a redirect to nothing' : 'made it opaque: it was not made from what the lowers have');
        tree.directories.delete(id);
      }
      repairMarks(call, directoryAt(tree, directory, name, id), done);
    }
  }
}
