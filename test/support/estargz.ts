/*
 * Writes eStargz archives for tests, as docs/estargz.md of stargz-snapshotter describes them, and lets a test change the table of
 * contents before it is written. Independent of the packer and of the reader.
 */

import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { concatBytes, encodeUtf8 } from '../../src/base/bytes.ts';
import { type TarFile, paxHeader, tarArchive } from './archives.ts';

/** An entry of the table of contents; tests put into it what they like. */
export type TestTocEntry = Record<string, unknown>;

export interface EstargzFile {
  readonly name: string;
  readonly type?: 'dir' | 'reg' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo';
  readonly content?: string | Uint8Array;
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly modtime?: string;
  readonly device?: readonly [number, number];
  readonly xattrs?: Readonly<Record<string, string>>;
}

export interface EstargzArchive {
  /** Bytes of a chunk. */
  readonly chunkSize?: number;
  /** Puts as many files into one gzip member. */
  readonly group?: number;
  /** Changes the table of contents. */
  readonly lie?: (entries: TestTocEntry[]) => TestTocEntry[] | void;
  /** What stands instead of the JSON. */
  readonly json?: string | Uint8Array;
  /** The footer of stargz instead. */
  readonly legacy?: boolean;
  /** Where the footer says that the table of contents is. */
  readonly tocOffset?: number;
  /** Without chunk digests, as stargz. */
  readonly noDigests?: boolean;
}

export const sha = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const gz = (bytes: Uint8Array): Uint8Array => gzipSync(bytes, { level: 9 });
const TYPE_FLAGS = { dir: '5', reg: '0', symlink: '2', hardlink: '1', char: '3', block: '4', fifo: '6' } as const;
export const asBytes = (content: string | Uint8Array): Uint8Array => (typeof content === 'string' ? encodeUtf8(content) : content);

export function headerOf(file: EstargzFile, size: number): Uint8Array {
  const files: TarFile[] = [];
  if (file.xattrs !== undefined)
    files.push(paxHeader(Object.fromEntries(Object.entries(file.xattrs).map(([name, value]) => [`SCHILY.xattr.${name}`, value]))));
  files.push({
    name: file.name,
    type: TYPE_FLAGS[file.type ?? 'reg'],
    mode: file.mode ?? 0o644,
    uid: file.uid ?? 0,
    gid: file.gid ?? 0,
    mtime: file.modtime === undefined ? 0 : Date.parse(file.modtime) / 1000,
    ...(file.link !== undefined && { link: file.link }),
    ...(file.device !== undefined && { device: file.device }),
    size,
  });
  return tarArchive(files, { end: 0 });
}

export function entryOf(file: EstargzFile, size: number): TestTocEntry {
  const { name, type = 'reg', mode = 0o644, uid = 0, gid = 0 } = file;
  return {
    name,
    type,
    mode,
    uid,
    gid,
    ...(size > 0 && { size }),
    ...(file.modtime !== undefined && { modtime: file.modtime }),
    ...(file.link !== undefined && { linkName: file.link }),
    ...(file.device !== undefined && { devMajor: file.device[0], devMinor: file.device[1] }),
    ...(file.xattrs !== undefined && {
      xattrs: Object.fromEntries(Object.entries(file.xattrs).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
    }),
    NumLink: 0,
  };
}

/** Gzip members one after another; how many bytes the open one holds, and where it starts, are what a table of contents records. */
class Members {
  readonly pieces: Uint8Array[] = [];
  length = 0;
  #open: Uint8Array[] = [];

  get inner(): number {
    return this.#open.reduce((sum, piece) => sum + piece.length, 0);
  }

  write(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#open.push(bytes);
  }

  /** Ends the open member. */
  cut(): void {
    if (this.#open.length === 0) return;
    const member = gz(concatBytes(this.#open));
    this.pieces.push(member);
    this.length += member.length;
    this.#open = [];
  }
}

/** Writes the archive; `toc` is the JSON as it is in it. */
export function estargzArchive(
  files: readonly EstargzFile[],
  archive: EstargzArchive = {},
): { bytes: Uint8Array<ArrayBuffer>; tocDigest: string; toc: string } {
  const { chunkSize = Infinity, group = 1 } = archive;
  const members = new Members();
  const entries: TestTocEntry[] = [];
  let inGroup = 0;
  for (const file of files) {
    const content = asBytes(file.content ?? '');
    members.write(headerOf(file, content.length));
    const entry = entryOf(file, content.length);
    entries.push(entry);
    for (let at = 0; at < content.length; at += chunkSize) {
      const chunk = content.subarray(at, at + chunkSize);
      if (inGroup % group === 0 || content.length > chunkSize) members.cut();
      const part = at === 0 ? entry : { name: file.name, type: 'chunk', chunkOffset: at };
      const isLast = at + chunkSize >= content.length;
      Object.assign(part, { offset: members.length, ...(members.inner > 0 && { innerOffset: members.inner }) });
      if (!isLast) Object.assign(part, { chunkSize: chunk.length });
      if (archive.noDigests !== true) Object.assign(part, { chunkDigest: sha(chunk) });
      if (part !== entry) entries.push(part);
      members.write(chunk);
    }
    if (content.length > 0) {
      if (archive.noDigests !== true) Object.assign(entry, { digest: sha(content) });
      inGroup++;
      if (inGroup % group === 0) members.cut();
      members.write(new Uint8Array((512 - (content.length % 512)) % 512));
    }
  }
  members.cut();
  return finish(members, archive.lie?.(entries) ?? entries, archive);
}

function finish(members: Members, entries: readonly TestTocEntry[], archive: EstargzArchive): ReturnType<typeof estargzArchive> {
  const json = asBytes(archive.json ?? JSON.stringify({ version: 1, entries }));
  const offset = archive.tocOffset ?? members.length;
  members.write(tarArchive([{ name: 'stargz.index.json', content: json }]));
  members.cut();
  const text = encodeUtf8(`${offset.toString(16).padStart(16, '0')}STARGZ`);
  const extra = archive.legacy === true ? text : concatBytes([Uint8Array.of(0x53, 0x47, 22, 0), text]);
  const footer = concatBytes([
    Uint8Array.of(0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, extra.length, 0),
    extra,
    Uint8Array.of(1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0),
  ]);
  return { bytes: concatBytes([...members.pieces, footer]), tocDigest: sha(json), toc: Buffer.from(json).toString() };
}

/** The landmark as the specification has it. */
export const landmark = (name: '.prefetch.landmark' | '.no.prefetch.landmark' = '.prefetch.landmark'): EstargzFile => ({
  name,
  content: Uint8Array.of(0xf),
  mode: 0o644,
});
