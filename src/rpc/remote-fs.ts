/* `FsPromises` of the page: one round trip a call; what came as plain data becomes Node's classes again. */

import { Dirent, Stats, type Attr, type DirentRecord } from '../base/stats.ts';
import type { FsPromises } from '../fs/api.ts';
import { DirListing } from '../fs/dir.ts';
import type { Peer } from './peer.ts';
import { copyFiltered } from './remote-copy.ts';
import { RemoteFile } from './remote-file.ts';
import { RemoteStream } from './remote-stream.ts';
import { FS_METHODS, type FsMethod, type WireDir } from './wire.ts';

type Call = (...args: unknown[]) => Promise<unknown>;

/** What turns the data of a result into what the caller gets, where that is not the data itself. */
const REBUILD: ReadonlyMap<FsMethod, (peer: Peer, value: unknown) => unknown> = new Map<FsMethod, (peer: Peer, value: unknown) => unknown>([
  ['stat', (_, value) => new Stats(value as Attr)],
  ['lstat', (_, value) => new Stats(value as Attr)],
  ['readdir', (_, value) => (value as (string | DirentRecord)[]).map((entry) => (typeof entry === 'string' ? entry : new Dirent(entry)))],
  ['open', (peer, value) => new RemoteFile(peer, value as number)],
  ['opendir', (_, value) => rebuildDir(value as WireDir)],
]);

const rebuildDir = ({ path, entries }: WireDir): DirListing =>
  new DirListing(
    path,
    entries.map((record) => new Dirent(record)),
  );

/** What a file system shows other than the tree as it is: the middle of a batch, or a snapshot. */
export interface Scope {
  readonly batch?: number;
  readonly snapshot?: number;
}

/** Makes the file system of a connection, or that of a scope, which has no other use than what its type allows. */
export function remoteFs(peer: Peer, scope?: Scope): FsPromises {
  const calls = FS_METHODS.map((method): [FsMethod, Call] => {
    const rebuild = REBUILD.get(method) ?? ((_, value) => value);
    return [method, async (...args) => rebuild(peer, await peer.call({ on: 'fs', method, ...scope }, args))];
  });
  const watch: FsPromises['watch'] = (path, { recursive, signal } = {}) => new RemoteStream(peer, 'watch', [path, { recursive }], signal);
  // Made from the list of names, whose completeness `wire.ts` has checked; the signatures are the host's, which runs the same calls.
  const plain = Object.fromEntries(calls) as unknown as Omit<FsPromises, 'watch'>;
  const cp: FsPromises['cp'] = (source, destination, options = {}) => {
    const { filter } = options;
    return filter === undefined ? plain.cp(source, destination, options) : copyFiltered(plain, source, destination, { ...options, filter });
  };
  return { ...plain, cp, watch };
}
