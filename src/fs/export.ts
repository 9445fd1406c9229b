/*
 * A workspace as an archive, piece by piece: everything that it shows, or what its upper changes as a layer of an OCI image. It is of one
 * moment, that of a snapshot, whatever is changed meanwhile; nothing but a piece is in memory.
 */

import { concatBytes } from '../base/bytes.ts';
import { ArgumentError } from '../base/errors.ts';
import { isFile } from '../base/mode.ts';
import type { ExportFormat, ExportOptions } from '../base/export.ts';
import { ROOT } from '../overlay/call.ts';
import { readContent } from '../overlay/data.ts';
import type { Engine } from '../overlay/engine.ts';
import { type Exported, exportedChanges, exportedTree } from '../overlay/exported.ts';
import { removeSnapshot, takeTemporary } from '../overlay/snapshots.ts';
import type { Tree } from '../overlay/tree.ts';
import { readTarget } from '../overlay/walk.ts';
import { exportTar } from './export-tar.ts';
import { exportZip } from './export-zip.ts';
import type { Definition } from './operations.ts';
import { type View, perform } from './perform.ts';
import { Turns } from './turns.ts';

/** Bytes that are read at a time: a handful of blocks. */
const PIECE = 1 << 20;
/** Bytes that a piece of the archive has at least, but the last one. */
const GATHERED = 256 << 10;
const FORMATS: ReadonlySet<ExportFormat> = new Set(['oci-layer', 'tar', 'zip']);

export type Pieces = AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>;

/** A tree that does not change, as the writers of archives see it. */
export interface Frozen {
  readonly tree: Tree;
  readonly entries: readonly Exported[];
  /** The content of a regular file. */
  content(path: string, ino: number): Pieces;
  /** The target of a symbolic link. */
  target(path: string, ino: number): Promise<string>;
}

const piece: Definition<[path: string, ino: number, start: number], Uint8Array<ArrayBuffer>> = {
  syscall: 'export',
  paths: 1,
  reads: true,
  isUnrecorded: true,
  run: (call, _path, ino, start) => readContent(call, ino, start, start + PIECE),
};

const target: Definition<[path: string, ino: number], string> = {
  syscall: 'export',
  paths: 1,
  reads: true,
  isUnrecorded: true,
  run: (call, _path, ino) => readTarget(call, ino),
};

/** @throws {FsError} as `overlay.export` @throws {ArgumentError} for no such format */
export async function* exportArchive(engine: Engine, options: ExportOptions): Pieces {
  const { snapshot, format = 'tar' } = options;
  if (!FORMATS.has(format)) throw new ArgumentError(`Not a format of archives: ${format}`);
  if (engine.tree.readOnly && snapshot === undefined) return yield* exportFrozen(engine, options);
  const change = <A extends unknown[], R>(run: Definition<A, R>['run'], ...args: A): Promise<R> =>
    perform({ engine, user: ROOT }, { syscall: 'export', paths: 0, run }, args);
  const id = snapshot === undefined ? (await change(takeTemporary)).id : snapshot;
  try {
    const view = await engine.openSnapshot(id);
    try {
      yield* exportFrozen(view, options);
    } finally {
      await view.close();
    }
  } finally {
    // Where it cannot be removed, the next mount does it.
    if (snapshot === undefined) await change(removeSnapshot, id).catch(() => undefined);
  }
}

async function* exportFrozen(engine: Engine, { format = 'tar', signal, onProgress }: ExportOptions): Pieces {
  const { tree } = engine;
  const view: View = { engine, user: ROOT };
  const turns = new Turns(engine, signal);
  turns.assertWanted();
  const { entries, total } = await listAll(tree, format, turns);
  let loaded = 0;
  const frozen: Frozen = {
    tree,
    entries,
    async *content(path, ino) {
      const { size } = tree.attr(ino);
      for (let at = 0; at < size; at += PIECE) {
        const bytes = await perform(view, piece, [path, ino, at], signal);
        loaded += bytes.length;
        yield bytes;
        onProgress?.({ loaded, total });
      }
    },
    target: (path, ino) => perform(view, target, [path, ino], signal),
  };
  const pieces = format === 'zip' ? exportZip(frozen) : exportTar(frozen, format === 'oci-layer');
  for await (const bytes of gathered(pieces)) {
    yield bytes;
    turns.assertWanted();
    if (turns.isDue) await turns.pass();
  }
}

/** Larger pieces: headers and small files have a few hundred bytes, and each piece is a message to the page. */
async function* gathered(pieces: Pieces): Pieces {
  let gathering: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const bytes of pieces) {
    gathering.push(bytes);
    size += bytes.length;
    if (size < GATHERED) continue;
    yield gathering.length === 1 ? bytes : concatBytes(gathering);
    gathering = [];
    size = 0;
  }
  if (size > 0) yield concatBytes(gathering);
}

/** All entries, and the bytes of the files among them, counted as often as they will be read: zip has a file of its own for each name. */
async function listAll(tree: Tree, format: ExportFormat, turns: Turns): Promise<{ entries: Exported[]; total: number }> {
  const entries: Exported[] = [];
  const counted = new Set<number>();
  let total = 0;
  for (const entry of format === 'oci-layer' ? exportedChanges(tree) : exportedTree(tree)) {
    entries.push(entry);
    if (entry.mark === undefined && isFile(tree.mode(entry.ino)) && (format === 'zip' || !counted.has(entry.ino))) {
      counted.add(entry.ino);
      total += tree.attr(entry.ino).size;
    }
    if (turns.isDue) await turns.pass();
  }
  return { entries, total };
}
