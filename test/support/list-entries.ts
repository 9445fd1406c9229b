/* Everything that can be told of the entries of a folder and of a layer, a line each, for comparing one with the other. Node only. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFMT, S_IFLNK, S_IFREG } from '../../src/base/mode.ts';
import type { Layer } from '../../src/layer/layer.ts';
import { dumpLayer } from './dump-layer.ts';

interface Listed {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds. */
  readonly mtime: number;
  readonly nlink: number;
  readonly rdev: number;
  readonly content?: Uint8Array | undefined;
  readonly target?: string | undefined;
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined;
}

/** Path -> mode, owner, time, names, and what is particular to its type: size and a part of the SHA-256, target, device. */
export type Listing = Map<string, string>;

function lineOf({ mode, uid, gid, mtime, nlink, rdev, content, target, xattrs = new Map() }: Listed): string {
  const type = mode & S_IFMT;
  const line = [mode.toString(8), `${uid}:${gid}`, Math.floor(mtime), type === S_IFDIR ? '-' : nlink];
  if (content !== undefined) line.push(content.length, createHash('sha256').update(content).digest('hex').slice(0, 16));
  if (target !== undefined) line.push(target);
  if (type === S_IFCHR || type === S_IFBLK) line.push(rdev);
  for (const name of [...xattrs.keys()].sort()) line.push(`${name}=${Buffer.from(xattrs.get(name)!).toString('hex')}`);
  return line.join(' ');
}

/** @param withXattrs where `getfattr` is, which is needed for them. Of root, those that only root sees too. */
export function listFolder(root: string, withXattrs = false): Listing {
  const xattrs = withXattrs ? xattrsOf(root) : new Map<string, Map<string, Uint8Array>>();
  const listing: Listing = new Map();
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const path = join(root, name);
    const { mode, uid, gid, mtimeMs, nlink, rdev } = lstatSync(path);
    const type = mode & S_IFMT;
    const content = type === S_IFREG ? readFileSync(path) : undefined;
    const target = type === S_IFLNK ? readlinkSync(path) : undefined;
    listing.set(`/${name}`, lineOf({ mode, uid, gid, mtime: mtimeMs / 1000, nlink, rdev, content, target, xattrs: xattrs.get(path) }));
  }
  return listing;
}

export async function listLayer(layer: Layer, withXattrs = false): Promise<Listing> {
  const { table } = layer;
  const listing: Listing = new Map();
  for (const [path, { entry: name, mode, mtime, content, target }] of await dumpLayer(layer)) {
    const entry = table.canonical(name);
    const listed = { mode, mtime: mtime / 1000, content, target, uid: table.uid(entry), gid: table.gid(entry), nlink: table.nlink(entry) };
    listing.set(path, lineOf({ ...listed, rdev: table.rdev(entry), xattrs: withXattrs ? table.xattrs(entry) : undefined }));
  }
  return listing;
}

/** What `getfattr` finds, by path. */
function xattrsOf(root: string): Map<string, Map<string, Uint8Array>> {
  const args = ['--recursive', '--physical', '--no-dereference', '--absolute-names', '--dump', '--match=-', '--encoding=hex', root];
  const found = new Map<string, Map<string, Uint8Array>>();
  let current = new Map<string, Uint8Array>();
  for (const line of execFileSync('getfattr', args, { encoding: 'utf8', maxBuffer: 1 << 28 }).split('\n')) {
    if (line.startsWith('# file: ')) found.set(line.slice(8), (current = new Map<string, Uint8Array>()));
    const [, name, value] = /^([^=#]+)=0x([0-9a-f]*)$/.exec(line) ?? [];
    if (name !== undefined) current.set(name, Buffer.from(value!, 'hex'));
  }
  return found;
}
