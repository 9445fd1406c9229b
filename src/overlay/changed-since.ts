/* What has changed since a snapshot, by the records alone: the cost is that of the records, and no content is looked at. */

import type { Change } from '../base/diff.ts';
import { PERMISSIONS, isDirectory, isFile } from '../base/mode.ts';
import { recordsAt } from '../layer/snapshots.ts';
import type { LiveRecord } from '../layer/upper.ts';
import { xattrsOf } from './attr.ts';
import { contentOf } from './data.ts';
import { inoAt, lowerLinkPaths, namePath } from './lookup.ts';
import { typeOf } from './readdir.ts';
import { assertSnapshot } from './snapshots.ts';
import { Tree } from './tree.ts';

export interface ChangedSince {
  /** All records as they were then; not to be changed. */
  readonly before: Map<number, LiveRecord>;
  /** The ids of those that are not what they were. */
  readonly ids: ReadonlySet<number>;
}

/** @throws {FsError} ENOENT where there is no such snapshot */
export function changedSince(tree: Tree, snapshot: number): ChangedSince {
  assertSnapshot(tree, snapshot);
  const before = recordsAt(tree.stored(), snapshot);
  const ids = new Set<number>();
  for (const [id, { since = 0 }] of tree.records) if (since >= snapshot) ids.add(id);
  for (const id of before.keys()) if (!tree.records.has(id)) ids.add(id);
  return { before, ids };
}

/** The paths, then and now, of the records that changed, with what stands there now. What is below a directory that moved is not told. */
export function changedPaths(tree: Tree, { before, ids }: ChangedSince): Map<string, number | undefined> {
  const paths = new Map<string, number | undefined>();
  for (const records of [before, tree.records]) {
    for (const id of ids) {
      const named = (records.get(id)?.names ?? []).map((name) => namePath(records, name));
      for (const path of [...named, ...lowerLinkPaths(tree.layers, records, id)]) {
        if (path !== undefined && !paths.has(path)) paths.set(path, inoAt(tree, path));
      }
    }
  }
  return paths;
}

/** Every change since a snapshot, sorted by path. @throws {FsError} ENOENT where there is no such snapshot */
export function diffSince(tree: Tree, snapshot: number): Change[] {
  const changed = changedSince(tree, snapshot);
  const before = new Tree(tree.layers, true, { records: changed.before }, tree.mountTimeMs);
  const changes: Change[] = [];
  for (const [path, now] of changedPaths(tree, changed)) {
    const was = inoAt(before, path);
    if (now === undefined && was !== undefined) changes.push({ path, change: 'deleted', type: typeOf(before.mode(was)) });
    if (now === undefined) continue;
    const change = was === undefined ? 'added' : was !== now ? 'modified' : changeOf(before, tree, now);
    if (change === undefined) continue;
    const { mode, size } = tree.attr(now);
    const from = was === now ? undefined : placeBefore(before, now);
    changes.push({ path, change, type: typeOf(mode), ...(!isDirectory(mode) && { size }), ...(from !== undefined && { from }) });
  }
  return changes.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Where an object had its first name. */
function placeBefore(before: Tree, ino: number): string | undefined {
  const name = before.inode(ino)?.names[0];
  if (name !== undefined) return namePath(before.records, name);
  const lower = before.lowerOf(ino);
  const path = lower && before.layers[lower.layer]!.table.path(lower.entry);
  return path !== undefined && inoAt(before, path) === ino ? path : undefined;
}

/** How an object has changed that stands where it stood. */
function changeOf(before: Tree, after: Tree, ino: number): 'modified' | 'meta' | undefined {
  const [was, is] = [before.attr(ino), after.attr(ino)];
  if (!isDirectory(is.mode)) {
    if (content(before, ino) !== content(after, ino)) return 'modified';
    if (was.mtimeMs !== is.mtimeMs) return 'meta';
  }
  const same = (was.mode & PERMISSIONS) === (is.mode & PERMISSIONS) && was.uid === is.uid && was.gid === is.gid;
  return same && xattrs(before, ino) === xattrs(after, ino) ? undefined : 'meta';
}

/** A text that two versions of an object share that have the same content. Chunks never change, nor do targets of symbolic links. */
function content(tree: Tree, ino: number): string {
  const { mode, size, rdev } = tree.attr(ino);
  if (!isFile(mode)) return JSON.stringify([typeOf(mode), size, rdev]);
  const { originSize, chunks, origin } = contentOf(tree, ino);
  return JSON.stringify([size, chunks, originSize > 0 && [origin?.layer, origin?.entry, originSize]]);
}

const xattrs = (tree: Tree, ino: number): string =>
  JSON.stringify(Array.from(xattrsOf(tree, ino) ?? [], ([name, value]) => `${name}=${value.join()}`).sort());
