/* The engine's results and a client's arguments, turned into what can cross and back. The host's half; `from-wire.ts` is the client's. */

import { ownBytes } from '../base/bytes.ts';
import { Dirent, Stats, type Attr, type DirentRecord } from '../base/stats.ts';
import type { Dir, FileHandle } from '../fs/api.ts';
import type { WireDir, WireUrl } from './wire.ts';

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

/** Arguments as the engine takes them: URLs are rebuilt. */
export function reviveUrl(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'wireUrl' in value ? new URL((value as WireUrl).wireUrl) : value;
}

/** The arguments with the signal in their options, which stand last. */
export function withSignal(args: readonly unknown[], signal: AbortSignal | undefined): readonly unknown[] {
  const options = args.at(-1);
  return signal === undefined || typeof options !== 'object' ? args : [...args.slice(0, -1), { ...options, signal }];
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
