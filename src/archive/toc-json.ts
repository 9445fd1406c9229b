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

/**
 * Reads the entries, one at a time: as many again in memory would outlive their use.
 *
 * @param most how many there may be
 * @throws {FsError} EIO when it is no table of contents of version 1, or when a field of an entry is not what it should be; EFBIG when
 *   there are more.
 */
export function* parseToc(json: Uint8Array, most: number, place: Place): Generator<TocEntry, void> {
  const text = decodeUtf8Strict(json);
  if (text === undefined) throw damaged(place, 'its table of contents is not UTF-8');
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
  for (const entry of entries as unknown[]) yield readEntry(entry, place);
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

const shown = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 40);

function readEntry(entry: unknown, archive: Place): TocEntry {
  if (!isRecord(entry) || typeof entry.name !== 'string') throw damaged(archive, `an entry of its table of contents is ${shown(entry)}`);
  const { name } = entry;
  const place = { ...archive, entry: name };
  const type = TYPES.find((known) => known === entry.type);
  if (type === undefined) throw damaged(place, `the table of contents says that it is ${shown(entry.type)}`);
  const wrong = (field: string): never => {
    throw damaged(place, `the table of contents has ${field}: ${shown(entry[field])}`);
  };
  const number = (field: string): number => {
    const value = entry[field] ?? 0;
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : wrong(field);
  };
  const string = (field: string): string => {
    const value = entry[field] ?? '';
    return typeof value === 'string' ? value : wrong(field);
  };
  return {
    name,
    type,
    size: number('size'),
    mtime: readTime(string('modtime')) ?? wrong('modtime'),
    linkName: string('linkName'),
    mode: number('mode'),
    uid: number('uid'),
    gid: number('gid'),
    devMajor: number('devMajor'),
    devMinor: number('devMinor'),
    xattrs: readXattrs(entry.xattrs) ?? (entry.xattrs === undefined || entry.xattrs === null ? undefined : wrong('xattrs')),
    offset: number('offset'),
    innerOffset: number('innerOffset'),
    endOffset: number('endOffset'),
    chunkOffset: number('chunkOffset'),
    chunkSize: number('chunkSize'),
    chunkDigest: string('chunkDigest'),
    chunkType: CHUNK_TYPES.find((known) => known === string('chunkType')) ?? wrong('chunkType'),
    digest: string('digest'),
  };
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
