/* The engine's results and a client's arguments, turned into what can cross and back. The host's half; the client's is `pack.ts` and `remote-fs.ts`. */

import { ownBytes } from '../base/bytes.ts';
import { Dirent, Stats, type Attr, type DirentRecord } from '../base/stats.ts';
import type { Dir, FileHandle } from '../fs/api.ts';
import type { WireCopyOptions, WireDir, WireUrl } from './wire.ts';

/** Plain data of a result; bytes own their buffer, so that it can be transferred. Open files are the caller's business. */
export function toWire(result: unknown): unknown {
  if (typeof result !== 'object' || result === null) return result;
  if (result instanceof Uint8Array) return ownBytes(result);
  if (result instanceof Stats) return attrOf(result);
  if (Array.isArray(result)) return result[0] instanceof Dirent ? (result as Dirent[]).map(direntRecord) : result;
  if (isDir(result)) return listDir(result);
  if ('bytesWritten' in result) return { bytesWritten: result.bytesWritten };
  return result;
}

export function isFileHandle(result: unknown): result is FileHandle {
  return typeof result === 'object' && result !== null && 'fd' in result;
}

/** A path as the engine takes it. */
export function reviveUrl(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'wireUrl' in value ? new URL((value as WireUrl).wireUrl) : value;
}

/** The arguments as the engine takes them: what could not cross stands in their options again, which are last. */
export function reviveArguments(args: readonly unknown[], signal: AbortSignal | undefined): unknown[] {
  const revived = args.map(reviveUrl);
  const options = revived.at(-1);
  if (typeof options !== 'object' || options === null || ArrayBuffer.isView(options)) return revived;
  if (signal !== undefined) revived[revived.length - 1] = { ...options, signal };
  if ('except' in options) revived[revived.length - 1] = { ...options, filter: filterOf(options as WireCopyOptions) };
  return revived;
}

function filterOf({ except }: WireCopyOptions): (source: string) => boolean {
  const turnedDown = new Set(except);
  return (source) => !turnedDown.has(source);
}

/** Reads into a buffer of the host's own, of which only what was read crosses. */
export async function readBytes(file: FileHandle, [length, position]: readonly unknown[]): Promise<Uint8Array> {
  const { buffer, bytesRead } = await file.read(new Uint8Array(length as number), 0, length as number, position as number | null);
  return buffer.subarray(0, bytesRead);
}

function attrOf(stats: Stats): Attr {
  const { ino, mode, nlink, uid, gid, rdev, size, atimeMs, mtimeMs, ctimeMs, birthtimeMs } = stats;
  return { ino, mode, nlink, uid, gid, rdev, size, atimeMs, mtimeMs, ctimeMs, birthtimeMs };
}

function direntRecord({ name, ino, mode, parentPath }: Dirent): DirentRecord {
  return { name, ino, mode, parentPath };
}

function isDir(result: object): result is Dir {
  return 'path' in result && 'read' in result;
}

async function listDir(dir: Dir): Promise<WireDir> {
  const entries: DirentRecord[] = [];
  for await (const entry of dir) entries.push(direntRecord(entry));
  return { path: dir.path, entries };
}
