/*
 * The two readers of a zip's directory, the kernel and JavaScript, beside each other: where the kernel says that a directory is plain,
 * JavaScript must have nothing to warn of and give the same table. What else they are given is random archives, by a seed.
 */

import { isDeepStrictEqual } from 'node:util';
import { concatBytes } from '../../src/base/bytes.ts';
import { FsError } from '../../src/base/errors.ts';
import { entryLimit, resolveLimits } from '../../src/archive/limits.ts';
import { TAIL_SIZE, findZipEnd } from '../../src/archive/zip-end.ts';
import { type PlainZip, readPlainZip } from '../../src/archive/zip-plain.ts';
import { type ZipDirectory, readZipDirectory } from '../../src/archive/zip.ts';
import { loadCodec } from '../../src/codec/codec.ts';
import { TableBuilder, type TableOptions } from '../../src/layer/build-table.ts';
import { type ZipFile, extraField, ownerField, timestampField, zipArchive } from './archives.ts';

interface Reading extends PlainZip {
  readonly warnings: readonly unknown[];
}

/** Reads an archive with both; says whether it was plain. @throws {Error} when they disagree */
export function compareZipReaders(bytes: Uint8Array, options: TableOptions = {}, limits = resolveLimits()): boolean {
  const place = { archive: 'compared' };
  const end = refused(() => findZipEnd({ bytes: bytes.subarray(-TAIL_SIZE), size: bytes.length }, place));
  if (end === undefined || end instanceof FsError) return false;
  const whole = bytes.subarray(end.directoryStart, end.directoryEnd);
  const directory: ZipDirectory = { bytes: whole, end, place, codec: loadCodec(), limits };
  const before = whole.slice();
  const objects = entryLimit(limits, bytes.length);
  const plain = readPlainZip(directory, options, objects);
  if (!isDeepStrictEqual(before, whole.slice())) throw new Error('The kernel has changed the archive');
  if (plain === undefined) return false;
  const reading = refused((): Reading => {
    const builder = new TableBuilder(options, { archive: 'compared', entries: objects });
    const { hasZstd } = readZipDirectory(directory, builder);
    return { ...builder.build(), hasZstd };
  });
  if (reading instanceof FsError) throw new Error('The kernel takes for plain what is refused', { cause: reading });
  assertSameReading(plain, reading);
  return true;
}

/** @throws {Error} when the kernel has read anything else than JavaScript */
export function assertSameReading(plain: PlainZip, { table, warnings, hasZstd }: Reading): void {
  if (warnings.length > 0) throw new Error(`The kernel takes for plain what is warned of: ${JSON.stringify(warnings[0])}`);
  if (plain.hasZstd !== hasZstd) throw new Error(`The kernel says that zstd is ${plain.hasZstd ? '' : 'not '}needed`);
  const theirs = { ...table.parts.columns, ...table.parts.extras };
  for (const [name, value] of Object.entries({ ...plain.table.parts.columns, ...plain.table.parts.extras })) {
    if (!isDeepStrictEqual(value, theirs[name as keyof typeof theirs])) throw new Error(`The kernel has read another ${name}`);
  }
}

function refused<T>(work: () => T): T | FsError {
  try {
    return work();
  } catch (e) {
    if (e instanceof FsError) return e;
    throw e;
  }
}

/** Names that have much in common, and whose order is not that of their paths. */
const COMPONENTS = ['a', 'ab', 'a-b', 'a.b', 'b', 'é', '€uro', '𝄞', '\uffee', '..a', 'directory', 'directory-of-a-longer-name'];
/** Seldom plain. */
const ODD_COMPONENTS = ['', '.', '..', 'a\\b', 'nul\0', 'x'.repeat(256), 'ä'.repeat(128)];
const HOSTS = [3, 3, 3, 19, 0, 10, 11, 14, 1, 20, 35];
const MODES = [0, 0o100644, 0o100755, 0o644, 0o120777, 0o104711];
const ODD_MODES = [0o010600, 0o020600, 0o140600];

/** An archive whose entries are plain, but for a few in a thousand. */
export function randomZip(random: () => number): Uint8Array {
  const below = (limit: number): number => Math.floor(random() * limit);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!;
  const isOdd = (): boolean => below(400) === 0;
  const times = pick([[1e9], [0], [1e9, 1e9 + 1, 2 ** 31 - 1], [0, 1, 1e9], below(9) === 0 ? [0, 1] : [1e9], isOdd() ? [-5, 1e9] : [1]]);
  const files = new Map<string, ZipFile>();
  for (let count = below(40); count > 0; count--) {
    const parts = Array.from({ length: 1 + below(5) }, () => pick(isOdd() ? ODD_COMPONENTS : COMPONENTS));
    const isDirectory = below(4) === 0;
    const path = parts.join('/');
    // What would be a duplicate, or below a file, is for the few.
    const isTaken = files.has(path) || (!isDirectory && [...files.keys()].some((other) => other.startsWith(`${path}/`)));
    const isBelowFile = parts.some((_, i) => i > 0 && files.get(parts.slice(0, i).join('/'))?.content !== undefined);
    if ((isTaken || isBelowFile) && !isOdd()) continue;
    files.set(path, randomFile(path, { isDirectory, isOdd, below, pick, times }));
  }
  return zipArchive(
    [...files.values()].sort(() => (below(5) === 0 ? random() - 0.5 : 0)),
    { zip64: below(9) === 0 },
  );
}

interface Chance {
  readonly isDirectory: boolean;
  readonly isOdd: () => boolean;
  readonly below: (limit: number) => number;
  readonly pick: <T>(from: readonly T[]) => T;
  readonly times: readonly number[];
}

function randomFile(path: string, { isDirectory, isOdd, below, pick, times }: Chance): ZipFile {
  const host = pick(HOSTS);
  const mode = isDirectory ? pick([0, 0o040755, 0o040700, 0o100755]) : pick(isOdd() ? ODD_MODES : MODES);
  const content = isDirectory ? undefined : 'content'.repeat(1 + below(9));
  return {
    name: isDirectory && (below(5) > 0 || mode !== 0o040700) ? `${path}/` : path,
    ...(content !== undefined && { content }),
    mode,
    host,
    ...(below(9) === 0 && { attributes: below(2) === 0 ? 0x10 : 1 }),
    deflate: !isDirectory && below(3) > 0,
    zip64: isOdd(),
    dosTime: [below(isOdd() ? 0x10000 : 58 << 9), below(0x10000)],
    extra: concatBytes(extraFields({ below, pick, times, isOdd })),
    ...(isOdd() && { flags: below(0x10000) }),
    ...(isOdd() && { lie: { method: pick([0, 8, 93, 12]), size: below(1e6) } }),
  };
}

function extraFields({ below, pick, times, isOdd }: Omit<Chance, 'isDirectory'>): Uint8Array[] {
  const fields = [timestampField(pick(times))];
  if (below(2) === 0) fields.push(ownerField(pick([0, 0, 1000, 0xffffffff]), pick([0, 0, 1000])));
  if (isOdd()) fields.push(ntfsField(BigInt(pick(times)) * 1000n + BigInt(below(2000))));
  if (below(50) === 0) fields.push(extraField(below(0x10000), new Uint8Array(below(20))));
  if (below(9) === 0) fields.shift();
  if (below(99) === 0) fields.push(Uint8Array.of(0x55, 0x54, 9));
  return fields;
}

function ntfsField(milliseconds: bigint): Uint8Array {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  view.setUint16(4, 1, true);
  view.setUint16(6, 24, true);
  view.setBigUint64(8, (milliseconds + 11_644_473_600_000n) * 10_000n + 1234n, true);
  return extraField(0x000a, bytes);
}
