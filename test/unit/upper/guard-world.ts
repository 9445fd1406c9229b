/*
 * A machine in memory for the guard's tests: a folder of synchronous files and a database, which can fail at any operation, be killed, lose
 * their power, or lose the database. A kill keeps what was written; without power, of what was not flushed any part may be there.
 */

import { FsError, type ErrorCode } from '../../../src/base/errors.ts';
import type { Commit, Superblock, UpperImage, UpperRecord, UpperVersion } from '../../../src/layer/upper.ts';
import type { SyncFile } from '../../../src/storage/opfs.ts';
import type { GuardFolder } from '../../../src/upper/guard-folder.ts';
import type { VersionedStore } from '../../../src/upper/versioned-store.ts';

export type Random = () => number;

/** A generator of numbers in [0, 1) (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What happens to one operation: it fails, having done nothing or half of it, or the machine ends before or in the middle of it. */
export type Fault = 'fail' | 'torn' | 'lost-handle' | 'kill' | 'kill-torn' | 'power' | undefined;

type Change = { readonly at: number; readonly bytes: Uint8Array<ArrayBuffer> } | { readonly size: number };

class MemoryFile {
  durable = new Uint8Array();
  unflushed: Change[] = [];
  open = false;

  get content(): Uint8Array<ArrayBuffer> {
    return this.unflushed.reduce(apply, this.durable);
  }
}

function apply(content: Uint8Array<ArrayBuffer>, change: Change): Uint8Array<ArrayBuffer> {
  const size = 'size' in change ? change.size : Math.max(content.length, change.at + change.bytes.length);
  const changed = new Uint8Array(size);
  changed.set(content.subarray(0, size));
  if ('bytes' in change) changed.set(change.bytes, change.at);
  return changed;
}

/** What the database holds after some commit. */
export interface State {
  readonly version: UpperVersion | undefined;
  readonly superblock: Superblock | undefined;
  readonly records: ReadonlyMap<number, UpperRecord>;
  readonly chunks: ReadonlyMap<number, Uint8Array<ArrayBuffer>>;
}

export const EMPTY: State = { version: undefined, superblock: undefined, records: new Map(), chunks: new Map() };

export function after(state: State, commit: Commit, version = state.version): State {
  const records = new Map(state.records);
  const chunks = new Map(state.chunks);
  for (const [id, record] of commit.records) putOrDelete(records, id, record);
  for (const [id, bytes] of commit.chunks) putOrDelete(chunks, id, bytes?.slice());
  return { version, superblock: commit.superblock ?? state.superblock, records, chunks };
}

function putOrDelete<T>(map: Map<number, T>, key: number, value: T | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

export class World {
  files = new Map<string, MemoryFile>();
  /** States of the database, the last one durable first. */
  states: State[] = [EMPTY];
  /** Operations on files so far. */
  operations = 0;
  dead = false;
  /** Which run of the machine this is. Who was there in an earlier one does nothing any more. */
  run = 0;
  /** Resolves when the machine ends. */
  death: Promise<void>;
  #die: () => void = () => undefined;
  fault: (operation: number) => Fault = () => undefined;
  /** Makes the next commits of the database fail. */
  refuse: ErrorCode | undefined;
  /** Commits of the database so far. Every third is slower than the log: where a machine ends in between, either may have the commit alone. */
  commits = 0;
  random: Random;
  #generations = 0;

  constructor(seed = 1) {
    this.random = seeded(seed);
    this.death = new Promise((resolve) => (this.#die = resolve));
  }

  get state(): State {
    return this.states.at(-1) ?? EMPTY;
  }

  /** What stands in the files. */
  bytesOf(name: string): Uint8Array<ArrayBuffer> | undefined {
    return this.files.get(name)?.content;
  }

  put(name: string, bytes: Uint8Array<ArrayBuffer>): void {
    const file = new MemoryFile();
    file.durable = bytes;
    this.files.set(name, file);
  }

  /** From here on nothing happens any more, until `restart()`. */
  end(): void {
    this.dead = true;
    this.#die();
  }

  /** What is left when everybody who had something open is gone: of a machine without power only what was brought to the disk, and perhaps more. */
  restart(mode: 'kill' | 'power'): void {
    this.dead = false;
    this.run++;
    this.death = new Promise((resolve) => (this.#die = resolve));
    this.fault = () => undefined;
    this.refuse = undefined;
    for (const file of this.files.values()) file.open = false;
    // A kill leaves everything as it was, and nothing of it any nearer to the disk.
    if (mode === 'kill') return;
    for (const file of this.files.values()) {
      const left = file.unflushed.filter(() => this.random() < 0.5).map((change) => this.#torn(change));
      file.durable = left.reduce(apply, file.durable);
      file.unflushed = [];
    }
    this.states = [this.states[Math.floor(this.random() * this.states.length)]!];
  }

  #torn(change: Change): Change {
    if ('size' in change || this.random() < 0.5) return change;
    return { at: change.at, bytes: change.bytes.slice(0, Math.floor(this.random() * change.bytes.length)) };
  }

  loseDatabase(): void {
    this.states = [EMPTY];
  }

  /** Decides about an operation on a file. */
  #operation(file: MemoryFile, change?: Change): void {
    const fault = this.fault(this.operations++);
    if (fault === 'torn' || fault === 'kill-torn') {
      if (change !== undefined && 'bytes' in change)
        file.unflushed.push({ at: change.at, bytes: change.bytes.slice(0, change.bytes.length / 2) });
    }
    if (fault === 'kill' || fault === 'kill-torn' || fault === 'power') this.end();
    if (fault === 'lost-handle') file.open = false;
    if (fault !== undefined)
      throw new DOMException('planted', fault === 'lost-handle' || this.dead ? 'InvalidStateError' : 'QuotaExceededError');
    if (change !== undefined) file.unflushed.push(change);
  }

  /** The folder, as somebody of this run of the machine has it. */
  folder(): GuardFolder {
    const { run } = this;
    const settle = (): Promise<void> => this.settle(run);
    return {
      list: async () => {
        await settle();
        return [...this.files.keys()];
      },
      open: async (name) => {
        await settle();
        const file = this.files.get(name) ?? new MemoryFile();
        if (file.open) throw new DOMException('held', 'NoModificationAllowedError');
        this.files.set(name, file);
        file.open = true;
        return this.#handle(file);
      },
      remove: async (name) => {
        await settle();
        if (this.files.get(name)?.open === true) throw new DOMException('held', 'NoModificationAllowedError');
        this.files.delete(name);
      },
    };
  }

  /** Takes some time; for ever where the machine has ended. */
  async settle(run: number): Promise<void> {
    for (let i = 0; i < 6; i++) await Promise.resolve();
    if (this.dead || this.run !== run) await new Promise<never>(() => undefined);
  }

  #handle(file: MemoryFile): SyncFile {
    const { run } = this;
    const assertOpen = (): void => {
      if (this.dead || this.run !== run || !file.open) throw new DOMException('the handle is closed', 'InvalidStateError');
    };
    return {
      read: (into, at) => {
        assertOpen();
        const part = file.content.subarray(at, at + into.length);
        into.set(part);
        return part.length;
      },
      write: (bytes, at) => {
        assertOpen();
        this.#operation(file, { at, bytes: bytes.slice() });
      },
      truncate: (size) => {
        assertOpen();
        this.#operation(file, { size });
      },
      size: () => file.content.length,
      flush: () => {
        assertOpen();
        this.#operation(file);
        file.durable = file.content;
        file.unflushed = [];
      },
      close: () => {
        if (this.run === run) file.open = false;
      },
    };
  }

  /** The database, as one owner has it open. */
  store(name = 'w'): VersionedStore {
    return storeOf(this, name, () => `generation-${++this.#generations}`);
  }
}

function storeOf(world: World, name: string, newGeneration: () => string): VersionedStore {
  const { run } = world;
  const settle = (): Promise<void> => world.settle(run);
  return {
    name,
    get version() {
      return world.state.version;
    },
    load: async (): Promise<UpperImage> => {
      await settle();
      const { superblock, records } = world.state;
      return { superblock, records: new Map(records) };
    },
    commit: async (commit) => {
      await settle();
      if (world.commits++ % 3 === 0) for (let i = 0; i < 12; i++) await settle();
      // A disk that is too full for changes has room for none.
      const isEmpty = commit.records.size + commit.chunks.size === 0;
      if (world.refuse !== undefined && !(isEmpty && world.refuse === 'ENOSPC')) throw new FsError(world.refuse, { detail: 'planted' });
      const { generation, sequence } = world.state.version ?? { generation: newGeneration(), sequence: 0 };
      const next = after(world.state, commit, { generation, sequence: sequence + 1 });
      world.states = commit.durability === 'strict' ? [next] : [...world.states, next];
      await settle();
    },
    restore: async (version, parts) => {
      world.states = [EMPTY];
      let state = EMPTY;
      for await (const part of parts) state = after(state, part);
      await settle();
      world.states = [EMPTY, { ...state, version }];
    },
    readChunks: async (ids) => {
      await settle();
      return ids.map((id) => world.state.chunks.get(id)?.slice());
    },
    close: () => Promise.resolve(),
  };
}
