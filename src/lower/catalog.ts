/*
 * The catalog of the block cache: which version of an archive is behind a URL (or an integrity string), on which shelf, and when it
 * was opened last. One small blob a URL. A blob that is torn or of another version of this library counts as missing.
 */

import { toHex, encodeUtf8 } from '../base/bytes.ts';
import { loadCodec } from '../codec/codec.ts';
import type { Shelf } from '../storage/shelves.ts';
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
  constructor(private readonly shelf: Shelf) {}

  /** @param asked a URL or an integrity string */
  async get(asked: string): Promise<CatalogRecord | undefined> {
    return parseRecord(await this.#read(askedKey(asked)));
  }

  async put(asked: string, record: CatalogRecord): Promise<void> {
    await this.#write(askedKey(asked), record);
  }

  async remove(asked: string): Promise<void> {
    await this.shelf.remove(askedKey(asked));
  }

  /** When each shelf was used last. */
  async usedAt(): Promise<Map<string, number>> {
    const used = new Map<string, number>();
    for (const key of await this.shelf.keys()) {
      const record = key.startsWith('asked-') ? parseRecord(await this.#read(key)) : undefined;
      if (record !== undefined) used.set(record.shelf, Math.max(record.usedAt, used.get(record.shelf) ?? 0));
    }
    return used;
  }

  /** Forgets whatever is said of a shelf. */
  async forget(shelf: string): Promise<void> {
    for (const key of await this.shelf.keys()) {
      const value = await this.#read(key);
      if (value === shelf || parseRecord(value)?.shelf === shelf) await this.shelf.remove(key);
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

  async #read(key: string): Promise<unknown> {
    const blob = await this.shelf.get(key);
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
    await this.shelf.put(key, new Blob([JSON.stringify(value)]));
  }
}

const digestKey = (digest: string): string => `digest-${digest}`;
const askedKey = (asked: string): string => `asked-${nameOf(asked)}`;

/** A name of 32 hexadecimal digits for whatever identifies something. */
export function nameOf(identity: string): string {
  return toHex(loadCodec().sha256(encodeUtf8(identity))).slice(0, 32);
}

function parseRecord(value: unknown): CatalogRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { version, shelf, usedAt } = value as Partial<CatalogRecord>;
  if (typeof shelf !== 'string' || typeof usedAt !== 'number' || typeof version !== 'object') return undefined;
  return Number.isSafeInteger(version.size) ? { version: { ...NO_MARKS, ...version }, shelf, usedAt } : undefined;
}

/** JSON leaves out what is `undefined`. */
const NO_MARKS = { etag: undefined, lastModified: undefined };
