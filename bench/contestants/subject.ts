/* What is compared: a file system of ours or of others, with the calls that the tasks need. */

import { time } from '../harness/suite.ts';
import type { Contestant, Counts, Measure, Measured } from '../harness/suite.ts';

export interface Calls {
  readonly writeFile: (path: string, bytes: Uint8Array) => Promise<unknown>;
  readonly readFile: (path: string) => Promise<Uint8Array>;
  readonly stat: (path: string) => Promise<unknown>;
  readonly readdir: (path: string) => Promise<readonly unknown[]>;
  readonly mkdir: (path: string) => Promise<unknown>;
  readonly rename: (from: string, to: string) => Promise<unknown>;
  /** Removes a directory and what is in it. */
  readonly removeTree: (path: string) => Promise<unknown>;
  readonly copyFile: (from: string, to: string) => Promise<unknown>;
  /** Writes into an existing file, and closes it. */
  readonly writeAt: (path: string, bytes: Uint8Array, position: number) => Promise<unknown>;
}

/** One file system, mounted for one run. */
export interface Subject {
  readonly calls: Calls;
  /** Resolves when what was done is as durable as an acknowledged call of ours. */
  readonly flush: () => Promise<unknown>;
  /** Runs calls as one change, where there is such a thing. */
  readonly batch?: (work: (calls: Pick<Calls, 'mkdir' | 'writeFile'>) => Promise<unknown>) => Promise<unknown>;
  /** Opens a new file to be written from its beginning to its end, where files can be open. */
  readonly appendTo?: (path: string) => Promise<{ append(bytes: Uint8Array): Promise<unknown>; close(): Promise<unknown> }>;
  /** Takes a snapshot of everything, where there is such a thing. */
  readonly snapshot?: () => Promise<unknown>;
  /** Makes another one that begins as this one is, where there is such a thing. */
  readonly branch?: () => Promise<Branch>;
  /** What was counted since it was last asked for. */
  readonly counts?: () => Counts;
  /** Mounts again what was written, from the disk. */
  readonly remount?: () => Promise<Subject>;
  /** Unmounts it, and removes what it has written. */
  readonly remove: () => Promise<unknown>;
}

/** What was made of another one, and is not mounted. */
export interface Branch {
  readonly mount: () => Promise<Subject>;
  /** Removes what it has written. */
  readonly remove: () => Promise<unknown>;
}

/** Mounts over a zip archive; where there are no layers, what is in the archive is written first. */
export type Mount = (archive: Uint8Array<ArrayBuffer>) => Promise<Subject>;

/** Made when it is first asked for. */
export type Archive = () => Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;

/** Mounts, does the work, removes. */
export const contestant =
  (mount: Mount, archive: Archive, work: (subject: Subject) => Promise<Measured>): Contestant =>
  async () => {
    const subject = await mount(await archive());
    try {
      return await work(subject);
    } finally {
      await subject.remove();
    }
  };

/** Milliseconds of some work until it is durable, with what was counted of it. */
export async function timed({ flush, counts }: Subject, work: () => Promise<unknown>): Promise<Measure> {
  counts?.();
  const ms = await time(async () => {
    await work();
    await flush();
  });
  return counts === undefined ? ms : { ms, counts: counts() };
}

/** A name that no run has had. */
export const newName = (): string => `bench-${Math.random().toString(36).slice(2)}`;

/** @throws where a directory has not as many names: a call was acknowledged and nothing came of it */
export async function assertNames(calls: Calls, path: string, count: number): Promise<void> {
  const { length } = await calls.readdir(path);
  if (length !== count) throw new Error(`it has ${length} of ${count} files that it acknowledged`);
}
