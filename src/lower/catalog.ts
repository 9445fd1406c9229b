/*
 * The catalog of the block cache: which version of an archive is behind a URL (or an integrity string), on which shelf, and when it
 * was opened last. One small blob a URL. A blob that is torn or of another version of this library counts as missing.
 */

import { toHex, encodeUtf8 } from '../base/bytes.ts';
import { sha256 } from '../codec/sha256.ts';
import type { Shelf, Shelves } from '../storage/shelves.ts';
import type { ArchiveVersion } from './http-source.ts';

/** What is known of what was asked for. */
export interface CatalogRecord {
  readonly version: ArchiveVersion;
  /** Name of the archive's shelf. */
  readonly shelf: string;
  /** Milliseconds since the epoch. */
  readonly usedAt: number;
}

export class Catalog {
  #opening: Promise<Shelf> | undefined;

  /** @param name of the shelf that it is on */
  constructor(
    private readonly shelves: Shelves,
    private readonly name: string,
  ) {}

  /** @param asked a URL or an integrity string */
  async get(asked: string): Promise<CatalogRecord | undefined> {
    return parseRecord(await this.#read(askedKey(asked)));
  }

  async put(asked: string, record: CatalogRecord): Promise<void> {
    await this.#write(askedKey(asked), record);
  }

  async remove(asked: string): Promise<void> {
    await (await this.#open()).remove(askedKey(asked));
  }

  /** When each shelf was used last. */
  async usedAt(): Promise<Map<string, number>> {
    const used = new Map<string, number>();
    for (const key of await (await this.#open()).keys()) {
      const record = key.startsWith('asked-') ? parseRecord(await this.#read(key)) : undefined;
      if (record !== undefined) used.set(record.shelf, Math.max(record.usedAt, used.get(record.shelf) ?? 0));
    }
    return used;
  }

  /** Forgets whatever is said of a shelf. */
  async forget(shelf: string): Promise<void> {
    const own = await this.#open();
    for (const key of await own.keys()) {
      const value = await this.#read(key);
      if (value === shelf || parseRecord(value)?.shelf === shelf) await own.remove(key);
    }
  }

  /** The shelf of the archive with this digest, whatever its URL. */
  async shelfOf(digest: string): Promise<string | undefined> {
    const value = await this.#read(digestKey(digest));
    return typeof value === 'string' ? value : undefined;
  }

  async noteDigest(digest: string, shelf: string): Promise<void> {
    await this.#write(digestKey(digest), shelf);
  }

  /** Without opening the shelf: an opening waits for it, and the first one of a site would make it. */
  async #read(key: string): Promise<unknown> {
    const blob = await this.shelves.get(this.name, key);
    if (blob === undefined) return undefined;
    try {
      return JSON.parse(await blob.text());
    } catch (e) {
      // Torn (SyntaxError), or removed by another tab in between (NotFoundError, NotReadableError).
      if (e instanceof SyntaxError || e instanceof DOMException) return undefined;
      throw e;
    }
  }

  async #write(key: string, value: unknown): Promise<void> {
    await (await this.#open()).put(key, new Blob([JSON.stringify(value)]));
  }

  #open(): Promise<Shelf> {
    this.#opening ??= this.shelves.open(this.name);
    return this.#opening;
  }
}

const digestKey = (digest: string): string => `digest-${digest}`;
const askedKey = (asked: string): string => `asked-${nameOf(asked)}`;

/** A name of 32 hexadecimal digits for whatever identifies something. It is a short text, and an opening waits for it: the kernel need not be compiled first. */
export function nameOf(identity: string): string {
  return toHex(sha256(encodeUtf8(identity))).slice(0, 32);
}

function parseRecord(value: unknown): CatalogRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { version, shelf, usedAt } = value as Partial<CatalogRecord>;
  if (typeof shelf !== 'string' || typeof usedAt !== 'number' || typeof version !== 'object') return undefined;
  return Number.isSafeInteger(version.size) ? { version: { ...NO_MARKS, ...version }, shelf, usedAt } : undefined;
}

/** JSON leaves out what is `undefined`. */
const NO_MARKS = { etag: undefined, lastModified: undefined };
