/*
 * A table of contents as JSON, as eStargz and zstd:chunked have it: types and ranges of every field are judged here, so that what
 * uses an entry can believe it. What an entry says of the archive is judged elsewhere.
 */

import { decodeUtf8Strict } from '../base/bytes.ts';
import { type Place, damaged, tooLarge } from './damage.ts';

/** stargz-snapshotter, docs/estargz.md, "TOC and TOCEntries"; zstd:chunked has the same. */
const TYPES = ['dir', 'reg', 'symlink', 'hardlink', 'char', 'block', 'fifo', 'chunk'] as const;

const CHUNK_TYPES = ['', 'zeros'] as const;

/** One entry, with 0 and '' for what it leaves out. */
export interface TocEntry {
  readonly name: string;
  readonly type: (typeof TYPES)[number];
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly mtime: number;
  readonly linkName: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array> | undefined;
  /** Where the gzip member or the zstd frame of the content starts. */
  readonly offset: number;
  /** Where the content starts in what the gzip member holds. */
  readonly innerOffset: number;
  /** Where the last zstd frame of the file ends. zstd:chunked only. */
  readonly endOffset: number;
  readonly chunkOffset: number;
  /** 0: up to the end of the file. */
  readonly chunkSize: number;
  readonly chunkDigest: string;
  /** *zeros* indicates a hole. Therefore nothing has to be fetched for it. zstd:chunked only. */
  readonly chunkType: '' | 'zeros';
  readonly digest: string;
}

/** @throws {FsError} EIO when it is not UTF-8 */
export function tocText(json: Uint8Array, place: Place): string {
  const text = decodeUtf8Strict(json);
  if (text === undefined) throw damaged(place, 'its table of contents is not UTF-8');
  return text;
}

/**
 * Reads the entries, one at a time: as many again in memory would outlive their use.
 *
 * @param most how many there may be
 * @throws {FsError} EIO when it is no table of contents of version 1, or when a field of an entry is not what it should be; EFBIG when
 *   there are more.
 */
export function* parseToc(text: string, most: number, place: Place): Generator<TocEntry, void> {
  let toc: unknown;
  try {
    toc = JSON.parse(text);
  } catch (cause) {
    throw damaged({ ...place, cause }, 'its table of contents is not JSON');
  }
  if (!isRecord(toc)) throw damaged(place, 'its table of contents is not an object');
  if (toc.version !== 1) throw damaged(place, `its table of contents is of version ${shown(toc.version)}, should be 1`);
  // Go writes an empty list so.
  const entries: unknown = toc.entries === null ? [] : toc.entries;
  if (!Array.isArray(entries)) throw damaged(place, 'its table of contents has no entries');
  if (entries.length > most)
    throw tooLarge(place, `${entries.length} records in its table of contents, more than the ${most} that are allowed`);
  const reader = new EntryReader(place);
  for (const entry of entries as unknown[]) yield reader.read(entry);
}

type RawEntry = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is RawEntry => typeof value === 'object' && value !== null && !Array.isArray(value);

const shown = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 40);

/** Reads entries. What all of them need is not made for each: a table of contents has thousands, read by code that has just been loaded. */
class EntryReader {
  readonly #archive: Place;
  /** The time that was read last, and what it is: mostly that of the next entry too. */
  #modtime = '';
  #mtime = 0;

  constructor(archive: Place) {
    this.#archive = archive;
  }

  /** @throws {FsError} EIO when a field is not what it should be */
  read(entry: unknown): TocEntry {
    if (!isRecord(entry) || typeof entry.name !== 'string')
      throw damaged(this.#archive, `an entry of its table of contents is ${shown(entry)}`);
    return {
      name: entry.name,
      type: this.#typeOf(entry),
      size: this.#number(entry, 'size'),
      mtime: this.#timeOf(entry),
      linkName: this.#string(entry, 'linkName'),
      mode: this.#number(entry, 'mode'),
      uid: this.#number(entry, 'uid'),
      gid: this.#number(entry, 'gid'),
      devMajor: this.#number(entry, 'devMajor'),
      devMinor: this.#number(entry, 'devMinor'),
      xattrs: this.#xattrsOf(entry),
      offset: this.#number(entry, 'offset'),
      innerOffset: this.#number(entry, 'innerOffset'),
      endOffset: this.#number(entry, 'endOffset'),
      chunkOffset: this.#number(entry, 'chunkOffset'),
      chunkSize: this.#number(entry, 'chunkSize'),
      chunkDigest: this.#string(entry, 'chunkDigest'),
      chunkType: CHUNK_TYPES.find((known) => known === (entry.chunkType ?? '')) ?? this.#refuse(entry, 'chunkType'),
      digest: this.#string(entry, 'digest'),
    };
  }

  #number(entry: RawEntry, field: string): number {
    const value = entry[field] ?? 0;
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : this.#refuse(entry, field);
  }

  #string(entry: RawEntry, field: string): string {
    const value = entry[field] ?? '';
    return typeof value === 'string' ? value : this.#refuse(entry, field);
  }

  #typeOf(entry: RawEntry): TocEntry['type'] {
    const type = TYPES.find((known) => known === entry.type);
    if (type === undefined) throw damaged(this.#placeOf(entry), `the table of contents says that it is ${shown(entry.type)}`);
    return type;
  }

  #timeOf(entry: RawEntry): number {
    const text = this.#string(entry, 'modtime');
    if (text !== this.#modtime) {
      this.#mtime = readTime(text) ?? this.#refuse(entry, 'modtime');
      this.#modtime = text;
    }
    return this.#mtime;
  }

  #xattrsOf(entry: RawEntry): TocEntry['xattrs'] {
    const { xattrs } = entry;
    return xattrs === undefined || xattrs === null ? undefined : (readXattrs(xattrs) ?? this.#refuse(entry, 'xattrs'));
  }

  #refuse(entry: RawEntry, field: string): never {
    throw damaged(this.#placeOf(entry), `the table of contents has ${field}: ${shown(entry[field])}`);
  }

  #placeOf({ name }: RawEntry): Place {
    return { ...this.#archive, entry: String(name) };
  }
}

/** RFC 3339. Nothing, and the year 1, which Go has for nothing, are the epoch. */
function readTime(text: string): number | undefined {
  if (text === '' || text.startsWith('0001-01-01')) return 0;
  const time = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** Values are in base64. */
function readXattrs(value: unknown): ReadonlyMap<string, Uint8Array> | undefined {
  if (!isRecord(value)) return undefined;
  const xattrs = new Map<string, Uint8Array>();
  for (const [name, text] of Object.entries(value)) {
    if (text !== null && (typeof text !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0)) return undefined;
    xattrs.set(
      name,
      Uint8Array.from(atob(text ?? ''), (character) => character.charCodeAt(0)),
    );
  }
  return xattrs;
}
