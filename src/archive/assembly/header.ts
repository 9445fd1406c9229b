/* Headers: what makes an entry plain, but for its name. What src/archive/zip.ts would warn of is not. */

import {
  ATTRIBUTES, DISK, FLAGS, IMPLIED_MODE, METHOD, MODE, OFFSET, PATH_MAX, SIZE, STORED, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG,
} from './layout';
import { endsWithSlash, isMadeOnDos, isMadeOnUnix } from './name';

const ENCRYPTED: u32 = 0x2001;
const DEFLATED: u32 = 8;
const ZSTD: u32 = 93;
const DEFLATE_MAX_RATIO: u64 = 1032;
const ZSTD_MAX_RATIO: u64 = 32 << 10;
const LOCAL_HEADER_SIZE: u64 = 30;
const IN_ZIP64: u32 = 0xffffffff;
const DOS_READ_ONLY: u32 = 0x01;
const DOS_DIRECTORY: u32 = 0x10;

/* Types by the upper four bits of a mode: none, directory, file, symbolic link. */
const TYPES: u32 = 1 | (1 << 4) | (1 << 8) | (1 << 10);

/** Bytes of all files. */
export let content: u64 = 0;
export let hasZstd: u32 = 0;
/** Where the last content ends, if it is as long as its header says: no content starts before. */
let contentEnd: u64 = 0;

export function startHeaders(): void {
  content = 0;
  hasZstd = 0;
  contentEnd = 0;
}

/** Says whether an entry is plain, and writes its mode into its header. */
export function judgeHeader(header: usize): bool {
  const stored = load<u32>(header, STORED);
  const size = load<u32>(header, SIZE);
  const offset = load<u32>(header, OFFSET);
  const method: u32 = load<u16>(header, METHOD);
  const isZstd = method == ZSTD;
  const mode = modeOf(header);
  const type = mode & S_IFMT;
  if (mode == 0 || max(max(stored, size), offset) == IN_ZIP64) return false;
  store<u16>(header, u16(mode), MODE);
  hasZstd |= u32(isZstd);
  if (stored != 0) {
    if (offset < contentEnd) return false;
    contentEnd = u64(offset) + LOCAL_HEADER_SIZE + stored;
  }
  if (type == S_IFDIR) return true;
  if ((load<u16>(header, FLAGS) & ENCRYPTED) != 0 || load<u16>(header, DISK) != 0) return false;
  // Zero is none, and far from the limit then.
  if (type == S_IFLNK && size - 1 >= PATH_MAX - 1) return false;
  content += size;
  if (method == 0) return size == stored;
  return (method == DEFLATED || isZstd) && size <= stored * (isZstd ? ZSTD_MAX_RATIO : DEFLATE_MAX_RATIO);
}

/** Type and permissions; 0 where it is neither file nor directory nor symbolic link. */
function modeOf(header: usize): u32 {
  const attributes = load<u32>(header, ATTRIBUTES);
  const unix = attributes >> 16;
  const type = unix & S_IFMT;
  if (((TYPES >> (type >> 12)) & 1) == 0) return 0;
  const isDirectory = endsWithSlash(header) || type == S_IFDIR || (isMadeOnDos(header) && (attributes & DOS_DIRECTORY) != 0);
  if (isMadeOnUnix(header) && unix != 0) return (isDirectory ? S_IFDIR : type == 0 ? S_IFREG : type) | (unix & 0o7777);
  return isDirectory ? IMPLIED_MODE : S_IFREG | ((attributes & DOS_READ_ONLY) == 0 ? 0o644 : 0o444);
}
