/*
 * A session of commits over the machine in memory, and what must be true after its end: what was acknowledged is there, what was refused
 * left no trace, and from a guard that said it was on everything can be rebuilt. Gives violations as sentences, so that planted faults can be shown to be found.
 */

import { isDeepStrictEqual } from 'node:util';
import { isFsError } from '../../../src/base/errors.ts';
import type { Commit, UpperRecord } from '../../../src/layer/upper.ts';
import { GuardedStore } from '../../../src/upper/guarded-store.ts';
import type { GuardSettings } from '../../../src/upper/guard.ts';
import { EMPTY, type Fault, type Random, type State, type World, after, seeded } from './guard-world.ts';
import { inode, whiteout } from './store-cases.ts';

/** Built at once and made small often, so that a short session has it all. */
export const EAGER: GuardSettings = { delay: 0, retryAfter: 0, tries: 1000, slack: 1000, frames: 12 };

export function openWorld(world: World, settings: GuardSettings = EAGER): Promise<GuardedStore> {
  return GuardedStore.open({
    store: world.store(),
    folder: world.folder(),
    guard: true,
    lost: 'error',
    marker: undefined,
    settings,
    patience: 0,
  });
}

/** A commit of some changes to some of twenty records. */
export function randomCommit(random: Random, state: State, serial: number): Commit {
  const records = new Map<number, UpperRecord | undefined>();
  const chunks = new Map<number, Uint8Array<ArrayBuffer> | undefined>();
  for (let i = 0; i <= random() * 3; i++) {
    const id = 2 + Math.floor(random() * 20);
    const old = state.records.get(id);
    if (records.has(id)) continue;
    if (old !== undefined && 'chunks' in old) for (const chunk of old.chunks) chunks.set(chunk, undefined);
    const kind = random();
    if (kind < 0.2) {
      records.set(id, undefined);
    } else if (kind < 0.3) {
      records.set(id, whiteout(1, `gone-${id}`));
    } else {
      const chunk = serial * 10 + i;
      const bytes = Uint8Array.from({ length: Math.floor(random() * 600) }, () => random() * 256);
      chunks.set(chunk, bytes);
      records.set(id, inode({ names: [[1, `file-${id}`]], size: bytes.length, chunks: [chunk], mtimeMs: serial }));
    }
  }
  return { records, chunks, durability: random() < 0.8 ? 'strict' : 'relaxed', superblock: undefined };
}

export const FIRST: Commit = {
  superblock: { format: 1, lowers: [{ digest: 'sha256-x', inoBase: 2, entries: 3 }] },
  records: new Map([[1, inode({ names: [], mode: 0o40755 })]]),
  chunks: new Map(),
  durability: 'strict',
};

export interface Session {
  /** States after each acknowledged commit, the empty one first. */
  readonly history: State[];
  /** Position in `history` of the last strict one. */
  strict: number;
  /** What the commit would have led to that was under way at the end. */
  pending: State | undefined;
  refused: number;
  /** Whether the guard could rebuild everything at the end. */
  guard: GuardedStore['guard'];
  readonly maxFiles: number;
}

export interface SessionOptions {
  readonly commits: number;
  readonly seed: number;
  /** Called before each commit. */
  readonly before?: (world: World, serial: number) => void;
}

/** Makes commits until the last one or the end of the machine. */
export async function runSession(world: World, { commits, seed, before }: SessionOptions): Promise<Session> {
  const random = seeded(seed);
  const session = {
    history: [world.state],
    strict: 0,
    pending: undefined as State | undefined,
    refused: 0,
    guard: 'off' as GuardedStore['guard'],
    maxFiles: 0,
  };
  const opening = openWorld(world);
  opening.catch(() => undefined);
  const store = await Promise.race([opening, world.death]);
  if (store === undefined) return session;
  for (let serial = 0; serial < commits && !world.dead; serial++) {
    before?.(world, serial);
    const state = session.history.at(-1) ?? EMPTY;
    const commit = world.state.version === undefined ? FIRST : randomCommit(random, state, seed * 1000 + serial);
    const next = after(state, commit);
    session.pending = next;
    const outcome = await Promise.race([
      store.commit(commit).then(
        () => 'done',
        (e: unknown) => e,
      ),
      world.death,
    ]);
    if (world.dead) return session;
    session.pending = undefined;
    session.maxFiles = Math.max(session.maxFiles, world.files.size);
    if (outcome === 'done') {
      session.history.push(next);
      if (commit.durability === 'strict') session.strict = session.history.length - 1;
    } else if (isFsError(outcome)) {
      session.refused++;
    } else {
      throw outcome;
    }
    // The building of guards has its turns.
    await new Promise((resolve) => setTimeout(resolve));
  }
  session.guard = store.guard;
  await Promise.race([store.close(), world.death]);
  return session;
}

/** What a fresh owner finds. */
export async function stateOf(store: GuardedStore): Promise<Pick<State, 'superblock' | 'records' | 'chunks'>> {
  const { superblock, records } = await store.load();
  const ids = [...records.values()].flatMap((record) => ('chunks' in record ? record.chunks : []));
  const bytes = await store.readChunks(ids);
  return { superblock, records, chunks: new Map(ids.map((id, i) => [id, bytes[i]! as Uint8Array<ArrayBuffer>])) };
}

export const isSame = (a: Pick<State, 'superblock' | 'records' | 'chunks'>, b: State): boolean => isDeepStrictEqual(plain(a), plain(b));

/** Without what is `undefined`, which says as much as what is not there. */
const plain = ({ superblock, records, chunks }: Pick<State, 'superblock' | 'records' | 'chunks'>): unknown =>
  JSON.parse(JSON.stringify([superblock ?? null, sorted(records), sorted(chunks).map(([id, bytes]) => [id, [...(bytes ?? [])]])]));

const sorted = <T>(map: ReadonlyMap<number, T>): (readonly [number, T])[] =>
  [...map].sort(([a], [b]) => a - b).map(([id, value]) => [id, value] as const);

/** Restarts the machine and compares what is there with what was acknowledged. */
export async function judge(world: World, session: Session, mode: 'kill' | 'power'): Promise<string[]> {
  world.restart(mode);
  const first = mode === 'kill' ? session.history.length - 1 : session.strict;
  const allowed = [...session.history.slice(first), ...(session.pending === undefined ? [] : [session.pending])];
  return [...(await judgeOpening(world, allowed, 'after the restart')), ...(await judgeRebuilding(world, allowed))];
}

async function judgeOpening(world: World, allowed: readonly State[], when: string): Promise<string[]> {
  const store = await openWorld(world).catch((e: unknown) => e);
  if (!(store instanceof GuardedStore)) return [`${when} it cannot be opened: ${String(store)}`];
  const found = await stateOf(store);
  const faults = allowed.some((state) => isSame(found, state)) ? [] : [`${when} it is in none of ${allowed.length} states`];
  // Garbage would stay for ever: chunks that no record has.
  const lost = [...world.state.chunks.keys()].filter((id) => !found.chunks.has(id));
  if (lost.length > 0) faults.push(`${when} nobody has the chunks ${lost.join(' ')}`);
  await until(() => store.guard === 'on' || world.state.version === undefined, when, faults);
  await store.close();
  return faults;
}

async function until(isSo: () => boolean, when: string, faults: string[]): Promise<void> {
  for (let i = 0; i < 2000 && !isSo(); i++) await new Promise((resolve) => setTimeout(resolve));
  if (!isSo()) faults.push(`${when} no guard is built`);
}

/** Now that the guard is on, the database goes. */
async function judgeRebuilding(world: World, allowed: readonly State[]): Promise<string[]> {
  if (world.state.version === undefined) return [];
  world.loseDatabase();
  return judgeOpening(world, allowed, 'without its database');
}

/** A session with a fault at one operation on a file, and its judgement. */
export async function faultySession(
  world: World,
  fault: Fault,
  at: number,
  options: SessionOptions,
): Promise<{ faults: string[]; session: Session }> {
  world.fault = (operation) => (operation === at ? fault : undefined);
  const session = await runSession(world, options);
  const faults = await judge(world, session, fault === 'power' ? 'power' : 'kill');
  return { faults: faults.map((text) => `${fault} at operation ${at}: ${text}`), session };
}
