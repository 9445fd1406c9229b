/* Where the bytes of an archive come from: the contract, and sources that are at hand (bytes, a Blob). http-source.ts has the other. */

import { FsError } from '../base/errors.ts';
import type { LayerStats } from '../layer/layer.ts';

/** What was asked of a source so far. */
export type SourceStats = LayerStats;

/** Hears of the bytes from the start on that are there: a view, to be read at once and not kept. */
export type OnArrival = (bytes: Uint8Array) => void;

/** An immutable sequence of bytes. */
export interface Source {
  /** For messages: a URL or a file name. */
  readonly name: string;
  readonly stats: SourceStats;
  /**
   * Learns how many bytes there are.
   * @throws {FsError} EIO with the cause, ESTALE when the archive changed, EFBIG when it has to be fetched whole and is too large.
   */
  size(signal?: AbortSignal): Promise<number>;
  /**
   * Gives the bytes [start, end), exactly, within the size. The caller must not change them. `onArrival` may hear of the first of
   * them before the last ones are there, if it is certain that they are what was asked for.
   * @throws {FsError} EIO with the cause, ESTALE when the archive changed since the first answer.
   */
  read(start: number, end: number, signal?: AbortSignal, onArrival?: OnArrival): Promise<Uint8Array>;
  /**
   * Gives the bytes [start, end) in order, as they arrive, where that is better than reading them. The receiver copies what it needs
   * before it asks for more.
   * @throws {FsError} as `read`
   */
  stream?(start: number, end: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** *true* indicates that all of it is on its way, from its start on. Therefore its end is not there before everything is. */
  readonly arrives?: boolean;
  /** The same where they are at hand, else `undefined`. */
  peek(start: number, end: number): Uint8Array | undefined;
  /**
   * The same without returning to the event loop, whatever the wait; `undefined` where the platform cannot.
   * @throws {FsError} as `read`
   */
  readSync?(start: number, end: number): Uint8Array | undefined;
  /** *true* indicates that what is read is kept beyond this session. Therefore `settled` is worth waiting for. */
  readonly keeps?: boolean;
  /** Tells whether [start, end) can be read without the network, now and probably later. */
  holds?(start: number, end: number): boolean;
  /** Tells whether [start, end) will be held if it is not: it was read, and is being written. */
  isComing?(start: number, end: number): boolean;
  /** Resolves when what was read so far is kept, where it can be kept at all. */
  settled?(): Promise<void>;
  close(): void;
}

/** A source of bytes in memory. Takes the bytes over: they must not change. */
export function bytesSource(bytes: Uint8Array, name = 'archive'): Source {
  return {
    name,
    stats: { requests: 0, bytes: 0 },
    size: async () => bytes.length,
    read: async (start, end, signal) => {
      signal?.throwIfAborted();
      return bytes.subarray(start, end);
    },
    peek: (start, end) => bytes.subarray(start, end),
    close: () => undefined,
  };
}

/** A source all of which was read: its bytes in memory, everything else as before. */
export function residentSource(bytes: Uint8Array, source: Source): Source {
  return new ResidentSource(bytes, source);
}

/** The same for as long as the source itself does not hold all that was read: then the bytes in memory are let go of. */
export function keptSource(bytes: Uint8Array, source: Source): Source {
  const resident = new ResidentSource(bytes, source);
  const release = (): void => {
    if (source.keeps === true && source.holds?.(0, bytes.length) === true) resident.release();
  };
  // What cannot be kept stays in memory.
  source.settled?.().then(release, () => undefined);
  return resident;
}

class ResidentSource implements Source {
  readonly name: string;
  readonly #source: Source;
  #bytes: Uint8Array | undefined;

  constructor(bytes: Uint8Array, source: Source) {
    this.name = source.name;
    this.#source = source;
    this.#bytes = bytes;
  }

  get stats(): SourceStats {
    return this.#source.stats;
  }

  get keeps(): boolean {
    return this.#bytes === undefined && this.#source.keeps === true;
  }

  async size(signal?: AbortSignal): Promise<number> {
    return this.#bytes?.length ?? this.#source.size(signal);
  }

  async read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted();
    return this.#bytes?.subarray(start, end) ?? this.#source.read(start, end, signal);
  }

  peek(start: number, end: number): Uint8Array | undefined {
    return this.#bytes === undefined ? this.#source.peek(start, end) : this.#bytes.subarray(start, end);
  }

  readSync(start: number, end: number): Uint8Array | undefined {
    return this.#bytes === undefined ? this.#source.readSync?.(start, end) : this.#bytes.subarray(start, end);
  }

  holds(start: number, end: number): boolean {
    return this.#bytes !== undefined || this.#source.holds?.(start, end) === true;
  }

  async settled(): Promise<void> {
    await this.#source.settled?.();
  }

  release(): void {
    this.#bytes = undefined;
  }

  close(): void {
    this.#source.close();
  }
}

/** What a source needs of a `Blob` or a `File`. */
export interface BlobLike {
  readonly size: number;
  readonly name?: string;
  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/** A source of a file that the user picked, or any other Blob. */
export function blobSource(blob: BlobLike, name = blob.name ?? 'archive'): Source {
  const stats = { requests: 0, bytes: 0 };
  return {
    name,
    stats,
    size: async () => blob.size,
    read: async (start, end, signal) => {
      signal?.throwIfAborted();
      let bytes: Uint8Array;
      try {
        bytes = new Uint8Array(await blob.slice(start, end).arrayBuffer());
      } catch (cause) {
        // NotReadableError: the file behind it was changed or removed since it was picked.
        throw new FsError('EIO', { detail: `${name}: cannot be read any more`, cause });
      }
      signal?.throwIfAborted();
      if (bytes.length !== end - start) throw new FsError('EIO', { detail: `${name}: ${bytes.length} bytes instead of ${end - start}` });
      stats.requests++;
      stats.bytes += bytes.length;
      return bytes;
    },
    peek: () => undefined,
    close: () => undefined,
  };
}
