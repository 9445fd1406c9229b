/*
 * Writes eStargz (stargz-snapshotter, docs/estargz.md). Files below the size of a group share a gzip member, which packs nearly as
 * well as one stream would; larger ones have members of their own, and one for every chunk.
 */

import { createHash } from 'node:crypto';
import { concatBytes, encodeUtf8 } from '../base/bytes.ts';
import { NO_PREFETCH_LANDMARK, PREFETCH_LANDMARK, TOC_NAME } from '../archive/estargz.ts';
import { estargzFooter } from '../archive/estargz-footer.ts';
import { TAR_END_SIZE, type TarWriteEntry, tarHeader, tarPadding } from '../archive/tar-write.ts';
import { type Level, gzipMember } from './compress.ts';
import type { Arranged, PackEntry } from './entry.ts';

/** Grouping to 64 KiB recovers most of what members of their own cost; a read of one file decodes 50 µs more. */
const GROUP_SIZE = 64 << 10;
/** A read at random into a large file decodes half of it: under a millisecond. */
const CHUNK_SIZE = 1 << 20;

export interface EstargzOptions {
  readonly level: Level;
  /** Bytes of content up to which files share a gzip member. 0: never, for readers that do not know `innerOffset`. */
  readonly groupSize?: number | undefined;
  /** Bytes of a chunk of a large file. */
  readonly chunkSize?: number | undefined;
}

export interface WrittenEstargz {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** `sha256:HEX` of the table of contents. */
  readonly tocDigest: string;
  /** `sha256:HEX` of the tar inside: what OCI calls diff ID. */
  readonly diffId: string;
  /** Bytes of that tar. */
  readonly tarSize: number;
}

const LANDMARK_CONTENT = Uint8Array.of(0xf);
const TOC_TYPES = {
  file: 'reg',
  directory: 'dir',
  symlink: 'symlink',
  link: 'hardlink',
  character: 'char',
  block: 'block',
  fifo: 'fifo',
} as const;

const sha256 = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Writes an archive. Files of the same names as the format's own are left out by the caller. */
export async function writeEstargz({ first, rest }: Arranged, options: EstargzOptions): Promise<WrittenEstargz> {
  const writer = new EstargzWriter(options);
  for (const entry of first) await writer.add(entry);
  await writer.add({
    path: first.length > 0 ? PREFETCH_LANDMARK : NO_PREFETCH_LANDMARK,
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0,
    read: () => LANDMARK_CONTENT,
  });
  for (const entry of rest) await writer.add(entry);
  return writer.finish();
}

class EstargzWriter {
  readonly #members: MemberWriter;
  readonly #groupSize: number;
  readonly #chunkSize: number;
  readonly #toc: object[] = [];

  constructor({ level, groupSize = GROUP_SIZE, chunkSize = CHUNK_SIZE }: EstargzOptions) {
    this.#members = new MemberWriter(level);
    this.#groupSize = groupSize;
    this.#chunkSize = chunkSize;
  }

  async add(entry: PackEntry): Promise<void> {
    const content = entry.read === undefined ? undefined : await entry.read();
    const name = entry.type === 'directory' ? `${entry.path}/` : entry.path;
    this.#members.write(tarHeader(headerOf(entry, name, content?.length)));
    const described = tocEntry(entry, name, content);
    if (content === undefined || content.length === 0) this.#toc.push(described);
    else this.#addContent(entry, described, content);
  }

  #addContent({ path }: PackEntry, described: object, content: Uint8Array): void {
    for (let start = 0; start < content.length; start += this.#chunkSize) {
      const chunk = content.subarray(start, start + this.#chunkSize);
      const isLast = start + chunk.length === content.length;
      const startsMember = content.length >= this.#groupSize || this.#members.inner >= this.#groupSize || path === PREFETCH_LANDMARK;
      if (startsMember) this.#members.cut();
      const part = start === 0 ? described : { name: path, type: 'chunk', chunkOffset: start };
      this.#toc.push({
        ...part,
        offset: this.#members.offset,
        ...(this.#members.inner > 0 && { innerOffset: this.#members.inner }),
        ...(!isLast && { chunkSize: chunk.length }),
        chunkDigest: sha256(chunk),
      });
      this.#members.write(chunk);
    }
    this.#members.write(new Uint8Array(tarPadding(content.length)));
  }

  finish(): WrittenEstargz {
    this.#members.cut();
    const { offset } = this.#members;
    const json = encodeUtf8(JSON.stringify({ version: 1, entries: this.#toc }));
    this.#members.write(tarHeader({ name: TOC_NAME, type: 'file', mode: 0o444, uid: 0, gid: 0, mtime: 0, size: json.length }));
    this.#members.write(json);
    this.#members.write(new Uint8Array(tarPadding(json.length) + TAR_END_SIZE));
    const { pieces, diffId, tarSize } = this.#members.finish();
    return { bytes: concatBytes([...pieces, estargzFooter(offset)]), tocDigest: sha256(json), diffId, tarSize };
  }
}

function headerOf(entry: PackEntry, name: string, size: number | undefined): TarWriteEntry {
  const { type, mode, uid, gid, mtime, target, device, xattrs } = entry;
  return { name, type, mode, uid, gid, mtime, size, target, device, xattrs };
}

/** What the table of contents says of an entry, without where its content is. */
export function tocEntry(entry: PackEntry, name: string, content: Uint8Array | undefined): object {
  const { type, mode, uid, gid, mtime, target, device, xattrs } = entry;
  const isSet = content !== undefined && content.length > 0;
  return {
    name,
    type: TOC_TYPES[type],
    ...(isSet && { size: content.length }),
    modtime: new Date(mtime * 1000).toISOString().replace('.000Z', 'Z'),
    ...(target !== undefined && { linkName: target }),
    mode,
    uid,
    gid,
    ...(device !== undefined && { devMajor: device.major, devMinor: device.minor }),
    ...(xattrs !== undefined && xattrs.size > 0 && { xattrs: xattrRecord(xattrs) }),
    ...(isSet && { digest: sha256(content) }),
  };
}

/** In base64, sorted. A Map becomes entries with own names, so that `__proto__` is one like others. */
function xattrRecord(xattrs: ReadonlyMap<string, Uint8Array>): object {
  const sorted = [...xattrs].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, value]) => [name, Buffer.from(value).toString('base64')]));
}

/** Gathers what is written into gzip members. */
class MemberWriter {
  readonly #level: Level;
  readonly #pieces: Uint8Array[] = [];
  readonly #tar = createHash('sha256');
  #open: Uint8Array[] = [];
  #inner = 0;
  #offset = 0;
  #size = 0;

  constructor(level: Level) {
    this.#level = level;
  }

  /** Where the open member starts. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes that the open member holds so far. */
  get inner(): number {
    return this.#inner;
  }

  write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#open.push(bytes);
    this.#inner += bytes.length;
    this.#size += bytes.length;
    this.#tar.update(bytes);
  }

  /** Ends the open member. */
  cut(): void {
    if (this.#inner === 0) return;
    const member = gzipMember(concatBytes(this.#open), this.#level);
    this.#pieces.push(member);
    this.#offset += member.length;
    this.#open = [];
    this.#inner = 0;
  }

  finish(): { readonly pieces: readonly Uint8Array[]; readonly diffId: string; readonly tarSize: number } {
    this.cut();
    return { pieces: this.#pieces, diffId: `sha256:${this.#tar.digest('hex')}`, tarSize: this.#size };
  }
}
