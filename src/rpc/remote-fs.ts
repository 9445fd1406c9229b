/* `FsPromises` of the page: one round trip a call; what came as plain data becomes Node's classes again. */

import { Dirent, Stats, type Attr, type DirentRecord } from '../base/stats.ts';
import type { FsPromises } from '../fs/api.ts';
import { DirListing } from '../fs/dir.ts';
import type { Peer } from './peer.ts';
import { copyFiltered } from './remote-copy.ts';
import { RemoteFile } from './remote-file.ts';
import { RemoteWatch } from './remote-watch.ts';
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

/** Makes the file system of a connection, or that of a batch; a batch has no other use than what its type allows. */
export function remoteFs(peer: Peer, batch?: number): FsPromises {
  const calls = FS_METHODS.map((method): [FsMethod, Call] => {
    const rebuild = REBUILD.get(method) ?? ((_, value) => value);
    return [method, async (...args) => rebuild(peer, await peer.call({ on: 'fs', method, batch }, args))];
  });
  const watch: FsPromises['watch'] = (path, options = {}) => new RemoteWatch(peer, path, options);
  // Made from the list of names, whose completeness `wire.ts` has checked; the signatures are the host's, which runs the same calls.
  const plain = Object.fromEntries(calls) as unknown as Omit<FsPromises, 'watch'>;
  const cp: FsPromises['cp'] = (source, destination, options = {}) => {
    const { filter } = options;
    return filter === undefined ? plain.cp(source, destination, options) : copyFiltered(plain, source, destination, { ...options, filter });
  };
  return { ...plain, cp, watch };
}
