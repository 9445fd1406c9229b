/* A worker that mounts an overlay over an upper with guard and marker, and answers calls about it. Used in the browser's tests and from whole browsers. */

import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { lower as layer } from '../../support/memory-layer.ts';
import { dir, file } from '../../support/tree.ts';
import { Overlay } from '../../../src/fs/overlay.ts';
import { makeBranch, revive } from '../../../src/upper/lineage.ts';
import { type OpenUpperOptions, type OpenedUpper, openUpper, removeWorkspace } from '../../../src/upper/open-upper.ts';
import { answerCalls } from '../../e2e/answer-calls.ts';

let upper: OpenedUpper | undefined;
let overlay: Overlay | undefined;

const lower = layer(dir('base', file('kept.txt', 'kept'), file('deleted.txt', 'deleted')));

/** Content that its path and its length determine. */
function contentOf(path: string, length: number): Uint8Array<ArrayBuffer> {
  let state = encodeUtf8(path).reduce((sum, byte) => (Math.imul(sum, 31) + byte) >>> 0, 7);
  return Uint8Array.from({ length }, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24);
}

function mounted(): Overlay {
  if (overlay === undefined) throw new Error('nothing is mounted');
  return overlay;
}

function status(): Pick<OpenedUpper, 'guard' | 'restored' | 'version'> {
  const { guard, restored, version } = upper!;
  return { guard, restored, version };
}

async function closeAll(): Promise<void> {
  await overlay?.close();
  overlay = undefined;
  upper = undefined;
}

answerCalls({
  async open(name: string, options: Pick<OpenUpperOptions, 'guard' | 'lost' | 'marker' | 'settings'> = {}) {
    upper = await openUpper(name, { ...options, revive });
    overlay = await Overlay.mount({ lower: [lower], upper });
    return status();
  },
  status,
  /** Makes a branch of the workspace as it is. */
  async branch(branch: string) {
    const { snapshot, firstChunk, superblock } = await mounted().rememberBranch(branch);
    const { name, version } = upper!;
    await makeBranch(branch, { ...superblock, parent: { name, generation: version!.generation, snapshot: snapshot.id, firstChunk } });
  },
  /** Writes files one after the other; gives the code of the first failure. */
  async write(paths: readonly string[], length: number) {
    try {
      for (const path of paths) await mounted().fs.promises.writeFile(path, contentOf(path, length));
    } catch (e) {
      return (e as { code?: string }).code;
    }
    return 'done';
  },
  async unlink(path: string) {
    await mounted().fs.promises.unlink(path);
  },
  /** Every file's path and length; and the paths whose content is not what it must be. */
  async list() {
    const names = await mounted().fs.promises.readdir('/', { recursive: true });
    const lengths: Record<string, number> = {};
    const wrong: string[] = [];
    for (const name of names.sort()) {
      const path = `/${name}`;
      if ((await mounted().fs.promises.stat(path)).isDirectory()) continue;
      const bytes = await mounted().fs.promises.readFile(path);
      lengths[path] = bytes.length;
      const expected = path.startsWith('/base/') ? bytes : contentOf(path, bytes.length);
      if (bytes.some((byte, i) => byte !== expected[i])) wrong.push(path);
    }
    return { lengths, wrong };
  },
  check: () => mounted().check(),
  close: closeAll,
  remove: (name: string) => removeWorkspace(name),
  deleteDatabase: (name: string) =>
    new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(`stratafs:${name}`);
      request.onsuccess = () => resolve(undefined);
      request.onerror = () => reject(request.error);
    }),
  /** The workspace's files in the private file system, with their sizes; -1 where somebody has one open. */
  async files(name: string) {
    const sizes: Record<string, number> = {};
    const root = await navigator.storage.getDirectory();
    const folder = await root
      .getDirectoryHandle('stratafs')
      .then(
        (all) => all.getDirectoryHandle(encodeURIComponent(name)),
        () => undefined,
      )
      .catch(() => undefined);
    if (folder === undefined) return sizes;
    for await (const [fileName, handle] of (folder as unknown as { entries(): AsyncIterable<[string, FileSystemFileHandle]> }).entries()) {
      sizes[fileName] = await handle.getFile().then(
        (found) => found.size,
        () => -1,
      );
    }
    return sizes;
  },
});
