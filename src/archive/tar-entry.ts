/*
 * What a tar header and the headers in front of it say of one entry -> an entry of a layer's table. Pure: where the header
 * stands and how long its content is, the reader knows (tar.ts).
 */

import { decodeUtf8, decodeUtf8Strict, encodeUtf8 } from '../base/bytes.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from '../base/mode.ts';
import type { LayerEntry } from '../layer/build-table.ts';
import type { Place } from './damage.ts';
import { type PaxRecords, paxName, paxNumber, paxXattrs } from './pax.ts';
import type { TarSink } from './tar.ts';
import type { TarHeader } from './tar-header.ts';
import { type SparseMap, paxSparseName } from './tar-sparse.ts';

/** GNU's old sparse form: the map stands in the header. */
export const GNU_SPARSE = 'S';
/** A directory of a GNU incremental archive, whose content is the list of what was in it (gnu_tar manual, "Dumpdir"). */
const GNU_DUMPDIR = 'D';
const HARD_LINK = '1';

/** Type flag -> type bits. What is not here and no vendor's is a regular file (POSIX: pax, "ustar Interchange Format"). */
const TYPES = new Map([
  ['2', S_IFLNK],
  ['3', S_IFCHR],
  ['4', S_IFBLK],
  ['5', S_IFDIR],
  [GNU_DUMPDIR, S_IFDIR],
  ['6', S_IFIFO],
]);

/** What headers in front of an entry say of it. */
export interface Pending {
  pax: PaxRecords;
  longName: Uint8Array | undefined;
  longLink: Uint8Array | undefined;
}

/** A header with what belongs to it. */
export interface TarEntry {
  readonly header: TarHeader;
  readonly pending: Pending;
  /** Where its content starts in the archive. */
  readonly start: number;
  /** Bytes of content that stand there. */
  readonly stored: number;
  /** Set for files with holes. */
  readonly sparse?: SparseMap | undefined;
}

/** Tells whether an entry of this type has content. Links and directories may say a size and have none. */
export const hasContent = ({ type }: TarHeader): boolean => type === GNU_DUMPDIR || (!TYPES.has(type) && type !== HARD_LINK);

interface Name {
  readonly text: string;
  /** Set where the bytes are no UTF-8. */
  readonly garbled: boolean;
}

function decodeName(bytes: Uint8Array): Name {
  const text = decodeUtf8Strict(bytes);
  return text === undefined ? { text: decodeUtf8(bytes), garbled: true } : { text, garbled: false };
}

/** The name of an entry. A sparse one has its own under a key of GNU's; in `path` stands a made-up one, for tars that know no holes. */
export const entryName = ({ header, pending }: Pick<TarEntry, 'header' | 'pending'>): Name =>
  decodeName(paxSparseName(pending.pax) ?? paxName(pending.pax, 'path') ?? pending.longName ?? header.name);

/**
 * Tells of one entry; what cannot be served is left out with a warning.
 *
 * @throws {FsError} EIO when a number of its pax header is none.
 */
export function addTarEntry(found: TarEntry, place: Place, sink: TarSink): void {
  const { header, pending, start, stored, sparse } = found;
  const { text: path, garbled } = entryName(found);
  const here = { ...place, entry: path };
  if (garbled) sink.warn(path, 'its name is not UTF-8: what cannot be read of it is shown as U+FFFD');
  if (isVendors(header)) {
    sink.warn(path, `skipped: entries of type '${header.type}' are not supported`);
    return;
  }
  const type = typeOf(header, path);
  const entry: LayerEntry = {
    path,
    mode: type | header.mode,
    uid: idOf(paxNumber(pending.pax, 'uid', here) ?? header.uid),
    gid: idOf(paxNumber(pending.pax, 'gid', here) ?? header.gid),
    mtime: (paxNumber(pending.pax, 'mtime', here) ?? header.mtime) * 1000,
    xattrs: paxXattrs(pending.pax),
  };
  const extent = { offset: start, stored, method: 0, crc: 0 };
  if (header.type === HARD_LINK) sink.add({ ...entry, link: linkOf(found) });
  else if (type === S_IFLNK) sink.add({ ...entry, target: linkOf(found), size: encodeUtf8(linkOf(found)).length });
  else if (type === S_IFREG) sink.add({ ...entry, size: sparse?.size ?? stored, extent, pieces: sparse?.pieces });
  else sink.add({ ...entry, rdev: deviceNumber(header) });
}

const linkOf = ({ header, pending }: TarEntry): string =>
  decodeName(paxName(pending.pax, 'linkpath') ?? pending.longLink ?? header.linkName).text;

/** Capital letters are vendors' own (POSIX: pax): volume labels, parts of files that go on in another archive. */
const isVendors = ({ type }: TarHeader): boolean => type >= 'A' && type <= 'Z' && type !== GNU_SPARSE && type !== GNU_DUMPDIR;

/** V7 had no directories: a name that ends in '/' is one. */
function typeOf({ type }: TarHeader, path: string): number {
  return TYPES.get(type) ?? (path.endsWith('/') ? S_IFDIR : S_IFREG);
}

/** Ids beyond 32 bits, and negative ones, are nobody's that we could name: root's, as where none is recorded. */
export const idOf = (id: number): number => (Number.isInteger(id) && id >= 0 && id < 2 ** 32 ? id : 0);

/** As `makedev` of glibc, for numbers of 32 bits. */
export function deviceNumber({ deviceMajor, deviceMinor }: Pick<TarHeader, 'deviceMajor' | 'deviceMinor'>): number {
  return ((deviceMinor & 0xff) | ((deviceMajor & 0xfff) << 8) | ((deviceMinor & ~0xff) << 12)) >>> 0;
}
