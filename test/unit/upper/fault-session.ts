/*
 * A session of all kinds of calls over a small lower, played upon an upper whose database fails once or twice, and upon a sound one that
 * is told only what was acknowledged. Whatever failed: each call resolves or rejects with a POSIX code, and three trees are the
 * same: the one in memory, that of a fresh mount of the database, and that of the sound one.
 */

import { IDBFactory } from 'fake-indexeddb';
import { vi } from 'vitest';
import { isFsError } from '../../../src/base/errors.ts';
import type { FsPromises } from '../../../src/fs/api.ts';
import { Overlay } from '../../../src/fs/overlay.ts';
import type { UpperStore } from '../../../src/layer/upper.ts';
import { idbUpper } from '../../../src/upper/idb-store.ts';
import type { LayoutSettings } from '../../../src/upper/layout.ts';
import { memoryUpper } from '../../../src/upper/memory-store.ts';
import { lower } from '../../support/memory-layer.ts';
import { snapshotTree } from '../../support/snapshot-tree.ts';
import { dir, file, symlink } from '../../support/tree.ts';
import { type Fault, type Planted, plant } from './faults.ts';

type Call = (fs: FsPromises) => Promise<unknown>;

const large = Uint8Array.from({ length: 300_000 }, (_, i) => i % 253);

async function throughHandle(fs: FsPromises): Promise<void> {
  const handle = await fs.open('/a', 'r+');
  try {
    await handle.write('handle', 2);
  } finally {
    await handle.close();
  }
}

/** Calls of one line are made together. */
const SESSION: readonly (readonly Call[])[] = [
  [(fs) => fs.writeFile('/new', 'new')],
  [(fs) => fs.writeFile('/large', large)],
  [(fs) => fs.mkdir('/m/n/o', { recursive: true })],
  [(fs) => fs.appendFile('/d/x', ' and more')],
  [(fs) => fs.chmod('/d/e/y', 0o600)],
  [(fs) => fs.rename('/new', '/m/new')],
  [(fs) => fs.unlink('/a2')],
  [(fs) => fs.writeFile('/c1', '1'), (fs) => fs.writeFile('/c2', '22'), (fs) => fs.mkdir('/c3'), (fs) => fs.symlink('a', '/c4')],
  [(fs) => fs.rename('/d', '/m/d')],
  [(fs) => fs.writeFile('/m/d/x', 'overwritten')],
  [(fs) => fs.truncate('/large', 100_000)],
  [(fs) => fs.copyFile('/large', '/copy')],
  [(fs) => fs.cp('/m/d/x', '/cp')],
  [(fs) => fs.link('/copy', '/m/twin')],
  [throughHandle],
  [(fs) => fs.unlink('/copy')],
  [(fs) => fs.appendFile('/m/twin', 'tail'), (fs) => fs.utimes('/c1', 5, 6), (fs) => fs.rm('/c2')],
  [(fs) => fs.mkdir('/d')],
  [(fs) => fs.writeFile('/d/x', 'another')],
  [(fs) => fs.rm('/m/d', { recursive: true })],
  [(fs) => fs.rename('/m/twin', '/c1')],
  [(fs) => fs.rm('/other', { recursive: true })],
  [(fs) => fs.mkdir('/other')],
  [(fs) => fs.chown('/c1', 3, 4), (fs) => fs.rmdir('/c3'), (fs) => fs.unlink('/c4'), (fs) => fs.lutimes('/l', 1, 2)],
  [(fs) => fs.rename('/other', '/m/n/o')],
  [(fs) => fs.writeFile('/last', 'last')],
];

export interface Rig {
  /** Puts something between the engine and the store. */
  readonly wrap?: (store: UpperStore) => UpperStore;
  /** When records and chunks are packed. */
  readonly layout?: LayoutSettings;
}

const makeLower = () => [
  lower(
    file('a', 'content of a'),
    file('a2', 'A2'),
    dir('d', file('x', 'X'), dir('e', file('y', 'Y'))),
    symlink('l', 'a'),
    dir('other', file('o', 'O')),
  ),
];

const treeOf = ({ fs }: Overlay): Promise<string[]> => snapshotTree(fs.promises, '/', { with: ['mtime'] });

/** Plays the session with a fault. @throws where anything is not as it must be */
export async function playWithFault(fault: Fault | undefined, { wrap = (store) => store, layout }: Rig = {}): Promise<Planted> {
  const factory = new IDBFactory();
  const upper = async (): Promise<UpperStore> => idbUpper('faulty', { factory, layout });
  const clock = (): number => 1_700_000_000_000;
  const faulty = await Overlay.mount({ lower: makeLower(), upper: wrap(await upper()), clock });
  const sound = await Overlay.mount({ lower: makeLower(), upper: memoryUpper(), clock });
  let planted: Planted;
  try {
    planted = plant(fault);
    for (const [line, calls] of SESSION.entries()) {
      const results = await Promise.allSettled(calls.map((call) => call(faulty.fs.promises)));
      for (const [i, result] of results.entries()) await repeat(calls[i]!, result, sound, `line ${line}, call ${i}`);
      if (results.some(({ status }) => status === 'rejected'))
        assertSame(await treeOf(faulty), await treeOf(sound), `memory after line ${line}`);
    }
  } finally {
    vi.restoreAllMocks();
  }
  const expected = await treeOf(sound);
  assertSame(await treeOf(faulty), expected, 'memory at the end');
  assertSame(
    (await faulty.check()).map((violation) => JSON.stringify(violation)),
    [],
    'the checker',
  );
  await faulty.close();
  const again = await Overlay.mount({ lower: makeLower(), upper: await upper(), clock });
  assertSame(await treeOf(again), expected, 'a fresh mount');
  assertSame(
    (await again.check()).map((violation) => JSON.stringify(violation)),
    [],
    'the checker after a fresh mount',
  );
  await Promise.all([again.close(), sound.close()]);
  return planted;
}

/** Tells the sound one what was acknowledged. What was refused for a reason of its own must be refused there too. */
async function repeat(call: Call, result: PromiseSettledResult<unknown>, { fs }: Overlay, where: string): Promise<void> {
  const reason: unknown = result.status === 'rejected' ? result.reason : undefined;
  if (reason !== undefined && !isFsError(reason)) throw new Error(`${where}: rejected without a POSIX code`, { cause: reason });
  const refused: string | undefined = reason?.code;
  if (refused === 'EIO' || refused === 'ENOSPC') return;
  const code = await call(fs.promises).then(
    () => undefined,
    (e: unknown) => (e as { code?: string }).code,
  );
  if (code !== refused) throw new Error(`${where}: ${refused ?? 'acknowledged'}, but ${code ?? 'acknowledged'} where nothing fails`);
}

function assertSame(actual: readonly string[], expected: readonly string[], what: string): void {
  const more = actual.filter((line) => !expected.includes(line));
  const fewer = expected.filter((line) => !actual.includes(line));
  if (more.length + fewer.length > 0)
    throw new Error(`${what}:\n  has    ${more.join('\n         ')}\n  misses ${fewer.join('\n         ')}`);
}
