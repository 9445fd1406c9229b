/*
 * `streamEntries`: what is in a tar archive, entry by entry, while the rest of it is on its way. A mount has to wait for the end, because
 * a later entry may replace an earlier one and the digest is of all bytes; who can use files as they come need not.
 */

import { concatBytes } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import { isFile } from '../base/mode.ts';
import { damaged, tooLarge } from '../archive/damage.ts';
import { HEAD_SIZE, formatOfHead, unknownFormat } from '../archive/detect.ts';
import { type ArchiveLimits, type Limits, assertEntrySize, resolveLimits } from '../archive/limits.ts';
import type { TarSink } from '../archive/tar.ts';
import { type LayerEntry, type TableOptions, acceptedPath, layerPath } from '../layer/build-table.ts';
import type { BlockCache, Revalidate } from './block-cache.ts';
import { DEFAULT_MAX_BYTES, type HttpOptions } from './http-source.ts';
import { throughCache } from './open-cached.ts';
import { type LayerSource, sourceOf } from './open-layer.ts';
import { type Opening, arrivalOf } from './opening.ts';
import type { Source } from './source.ts';
import { type TarPacking, tarPackingOf, tarReadingOf } from './tar-reading.ts';

/** Bytes of the archive that are decoded at a time: what comes of them waits in memory, a thousand times as many at worst. */
const STEP = 16 << 10;

export interface StreamEntriesOptions extends Omit<TableOptions, 'whiteouts'>, HttpOptions {
  readonly limits?: ArchiveLimits | undefined;
  /** Keeps what is fetched: `openLayer` with the same cache then need not fetch it again. */
  readonly cache?: BlockCache | undefined;
  readonly revalidate?: Revalidate | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An entry of a tar, as the archive has it. A later one of the same path replaces it. */
export interface StreamedEntry {
  /** Absolute, where a layer would have it. */
  readonly path: string;
  /** Type and permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeMs: number;
  readonly size: number;
  /** Of a symbolic link. */
  readonly target: string | undefined;
  /** Of a hard link: the path of the earlier entry that it is another name of. */
  readonly link: string | undefined;
  /**
   * Content of a regular file, as soon as it is there; of anything else, hard links too, nothing. Must be asked for before the next entry is. The caller owns the bytes.
   * @throws {FsError} as `streamEntries`; EBADF when the next entry was asked for, EFBIG when it is beyond `limits` or `maxBytes`
   */
  bytes(): Promise<Uint8Array>;
}

/**
 * Gives the entries of a .tar, .tar.gz or .tar.zst in the order in which they stand there, as they arrive. Names that a layer would leave
 * out are left out. Nothing is verified before the end: who must not use what turns out damaged, waits for the end, or opens a layer.
 *
 * @throws {FsError} EINVAL when it is no tar; EIO with the cause when it is damaged or cannot be fetched; EFBIG beyond a limit; ENOTSUP
 *   when there is no decoder; ESTALE when it changes on the server
 * @example
 * for await (const entry of streamEntries('/toolchain.tar.gz', { signal }))
 *   if (entry.path.endsWith('.d.ts')) compiler.add(entry.path, await entry.bytes());
 */
export async function* streamEntries(
  from: LayerSource,
  options: StreamEntriesOptions = {},
): AsyncGenerator<StreamedEntry, void, undefined> {
  const { signal, maxBytes = DEFAULT_MAX_BYTES, at, strip, include, exclude } = options;
  const source = await throughCache(sourceOf(from, options), options);
  try {
    const size = await source.size(signal);
    const table = { at, strip, include, exclude };
    const opening: Opening = { source, size, table, limits: resolveLimits(options.limits), maxBytes, signal };
    yield* entriesOf(opening, await packingOf(source, size, signal));
  } finally {
    source.close();
  }
}

async function packingOf(source: Source, size: number, signal: AbortSignal | undefined): Promise<TarPacking> {
  const end = Math.min(size, HEAD_SIZE);
  const head = source.peek(0, end) ?? (await source.read(0, end, signal));
  const packing = tarPackingOf(head);
  if (packing !== undefined) return packing;
  const format = formatOfHead(head);
  if (format === undefined) throw unknownFormat(head, { archive: source.name });
  throw new FsError('EINVAL', { detail: `${source.name}: is a ${format}, which does not come entry by entry` });
}

async function* entriesOf(opening: Opening, packing: TarPacking): AsyncGenerator<StreamedEntry, void, undefined> {
  const queue = new EntryQueue(opening);
  const arrival = arrivalOf(opening, STEP);
  const makeReading = await tarReadingOf(opening, packing, queue);
  let reading: ReturnType<typeof makeReading> | undefined;
  let failed: { readonly reason: unknown } | undefined;
  const decode = async (): Promise<boolean> => {
    const { done, value } = await arrival.next();
    if (done !== true) (reading ??= makeReading(value.bytes)).advance(value.available);
    else if (reading === undefined) throw damaged({ archive: opening.source.name }, 'nothing came');
    else if (!queue.ended) {
      queue.ended = true;
      reading.finish();
    }
    return done !== true;
  };
  /** Decodes a little more; false at the end. What ended it once ends it for everybody. */
  const advance = async (): Promise<boolean> => {
    if (failed !== undefined) throw failed.reason;
    try {
      return await decode();
    } catch (reason) {
      failed = { reason };
      throw reason;
    }
  };
  try {
    for (let goesOn = true; ;) {
      const waiting = queue.shift();
      if (waiting !== undefined) {
        yield waiting.offer(advance);
        waiting.pass();
      } else if (goesOn) goesOn = await advance();
      else return;
    }
  } finally {
    await arrival.return();
  }
}

/** What was read and not asked for yet. */
class EntryQueue implements TarSink {
  /** Nothing is read any more. */
  ended = false;
  readonly #opening: Opening;
  readonly #waiting: WaitingEntry[] = [];
  #entries = 0;
  /** Whose content comes, and how much of it is still to come. */
  #current: WaitingEntry | undefined;

  constructor(opening: Opening) {
    this.#opening = opening;
  }

  shift(): WaitingEntry | undefined {
    return this.#waiting.shift();
  }

  add(entry: LayerEntry): void {
    const { limits, table, source, maxBytes } = this.#opening;
    if (++this.#entries > limits.entries)
      throw tooLarge({ archive: source.name }, `more than the ${limits.entries} entries that are allowed`);
    const path = acceptedPath(entry, table);
    this.#current = undefined;
    if (path === undefined) return;
    const link = entry.link === undefined ? undefined : layerPath(entry.link, table);
    this.#current = new WaitingEntry(entry, { archive: source.name, path, link, limits, maxBytes });
    this.#waiting.push(this.#current);
  }

  /** What a layer would tell of in its warnings is left out here. */
  warn(): void {}

  content(bytes: Uint8Array): void {
    this.#current?.push(bytes);
  }
}

interface Accepted {
  readonly archive: string;
  readonly path: string;
  readonly link: string | undefined;
  readonly limits: Limits;
  readonly maxBytes: number;
}

/** An entry whose content gathers until it is passed by. */
class WaitingEntry {
  readonly #entry: LayerEntry;
  readonly #accepted: Accepted;
  readonly #chunks: Uint8Array[] = [];
  #missing: number;
  #passed = false;

  constructor(entry: LayerEntry, accepted: Accepted) {
    this.#entry = entry;
    this.#accepted = accepted;
    this.#missing = entry.extent?.stored ?? 0;
  }

  /** Content that is of somebody else, whose entry was left out, comes when there is none of this one any more. */
  push(bytes: Uint8Array): void {
    const own = bytes.subarray(0, this.#missing);
    this.#missing -= own.length;
    if (!this.#passed && own.length > 0) this.#chunks.push(own.slice());
  }

  pass(): void {
    this.#passed = true;
    this.#chunks.length = 0;
  }

  /** @param advance decodes a little more */
  offer(advance: () => Promise<boolean>): StreamedEntry {
    const { mode, uid = 0, gid = 0, mtime, size = 0, target } = this.#entry;
    const { path, link } = this.#accepted;
    return { path, mode, uid, gid, mtimeMs: mtime, size, target, link, bytes: () => this.#bytes(advance) };
  }

  async #bytes(advance: () => Promise<boolean>): Promise<Uint8Array> {
    const { archive, path, limits, maxBytes } = this.#accepted;
    const { mode, size = 0, pieces, link } = this.#entry;
    if (!isFile(mode) || link !== undefined) return new Uint8Array();
    assertEntrySize(Math.min(limits.entrySize, maxBytes), size, { archive, entry: path });
    while (this.#missing > 0 && !this.#passed && (await advance()));
    if (this.#passed) throw new FsError('EBADF', { detail: `${archive}: '${path}': the next entry was asked for` });
    const stored = concatBytes(this.#chunks);
    return pieces === undefined ? stored : placePieces(stored, pieces, size);
  }
}

/** Puts the pieces of a file with holes where they belong. */
function placePieces(stored: Uint8Array, pieces: Float64Array, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < pieces.length; i += 3) {
    const [at, length, position] = [pieces[i]!, pieces[i + 1]!, pieces[i + 2]!];
    bytes.set(stored.subarray(position, position + length), at);
  }
  return bytes;
}
