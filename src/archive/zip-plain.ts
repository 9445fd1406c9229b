/*
 * Fast path: the directory of a zip becomes a table in WebAssembly, where it is plain: such that the reader in JavaScript (zip.ts) would
 * have nothing to warn of. Nearly all are. That takes a tenth of the time that JavaScript takes which has been loaded a moment ago.
 * Whatever is not plain is left to that, which knows all the rest: docs/decisions/0030 tells why. Both give the same table.
 */

import { decodeUtf8Strict, encodeUtf8 } from '../base/bytes.ts';
import { PATH_MAX } from '../base/mode.ts';
import type { Codec } from '../codec/codec.ts';
import { compileModule, fromBase64, isTrap } from '../codec/module.ts';
import { base64 } from '../codec/wasm.ts';
import { type TableOptions, componentsOf } from '../layer/build-table.ts';
import { SECOND, noExtras } from '../layer/pack-table.ts';
import { type Column, LayerTable } from '../layer/table.ts';
import { contentLimit } from './limits.ts';
import type { ZipContents, ZipDirectory } from './zip.ts';

/** The exports of assembly/directory.ts; addresses are bytes. */
interface ZipKernel {
  readonly memory: { readonly buffer: ArrayBuffer };
  reserve(size: number): number;
  read(size: number, limit: number, strip: number, prefixLength: number): number;
}

/** A kernel with more memory is not kept for the next directory: memory never shrinks. */
const IDLE_LIMIT = 2 << 20;
/** Bytes of a directory up to which the kernel's addresses have 32 bits (assembly/layout.ts). */
const DIRECTORY_LIMIT = 64 << 20;
/** The same of rows. */
const ROW_LIMIT = 1 << 24;

/** What 32 bits hold: times that do are kept in milliseconds. */
const LARGEST = 0xffffffff;

/** Bytes. The kernel has less. */
const KERNEL_LIMIT = 1 << 16;

/** What makes kernels, once it was tried: `undefined` where WebAssembly cannot be used. */
let compiled: { readonly instantiate: (() => unknown) | undefined } | undefined;
let idle: ZipKernel | undefined;

/** Compiles the kernel, which may be done while the directory is on its way. */
export function compileZipKernel(codec: Codec): (() => unknown) | undefined {
  compiled ??= {
    instantiate: codec.kind === 'wasm' ? compileModule(codec.inflateStream(fromBase64(base64.zip), KERNEL_LIMIT).output) : undefined,
  };
  return compiled.instantiate;
}

/** What is read of a plain directory. */
export interface PlainZip extends ZipContents {
  readonly table: LayerTable;
}

interface Found extends PlainZip {
  readonly entries: number;
  /** Bytes of all files. */
  readonly content: number;
}

/**
 * Makes the table of a directory; `undefined` where it is not plain, or WebAssembly cannot be used.
 *
 * @param objects how many the table may have
 */
export function readPlainZip(directory: ZipDirectory, options: TableOptions, objects: number): PlainZip | undefined {
  const { prefix, suffix } = directory.end;
  const { whiteouts, include, exclude = [] } = options;
  if (prefix > 0 || suffix > 0 || whiteouts !== undefined || include !== undefined || exclude.length > 0) return undefined;
  try {
    const kernel = idle ?? (compileZipKernel(directory.codec)?.() as ZipKernel | undefined);
    idle = undefined;
    const plain = kernel && read(kernel, directory, options, objects);
    if (kernel !== undefined && kernel.memory.buffer.byteLength <= IDLE_LIMIT) idle = kernel;
    return plain;
  } catch (e) {
    // No memory for it. JavaScript may do with less, or say so.
    if (isTrap(e) || e instanceof RangeError) return undefined;
    throw e;
  }
}

function read(
  kernel: ZipKernel,
  { bytes, end, limits }: ZipDirectory,
  { at = '/', strip = 0 }: TableOptions,
  objects: number,
): PlainZip | undefined {
  const parts = componentsOf(at);
  const prefix = encodeUtf8(parts.join('/'));
  // Options that are wrong are told elsewhere.
  if (parts.includes('..') || prefix.length >= PATH_MAX || !(Number.isSafeInteger(strip) && strip >= 0 && strip < PATH_MAX))
    return undefined;
  const input = bytes.length <= DIRECTORY_LIMIT ? kernel.reserve(bytes.length) : 0;
  if (input === 0) return undefined;
  const memory = new Uint8Array(kernel.memory.buffer);
  memory.set(prefix, input - prefix.length);
  memory.set(bytes, input);
  const result = kernel.read(bytes.length, Math.min(objects + 1, ROW_LIMIT), strip, prefix.length);
  if (result === 0) return undefined;
  const found = take(kernel.memory.buffer, result);
  if (found === undefined) return undefined;
  const isWhole = (end.zip64 ? found.entries : found.entries & 0xffff) === end.entries && found.entries <= limits.entries;
  return isWhole && found.content <= contentLimit(limits, end.directoryEnd) ? found : undefined;
}

/** What the kernel says of a directory; `columns` and `names` are addresses. */
type Result = readonly [
  contentLow: number,
  contentHigh: number,
  entries: number,
  hasZstd: number,
  length: number,
  owners: number,
  columns: number,
  names: number,
  namesSize: number,
  sameness: number,
];
const RESULT_WORDS = 10;
/** Of the columns, which are in the order of assembly/layout.ts. */
const TIMES = 5;
const NAME_ENDS = 9;
const FIRST_CHILDREN = 10;

/** Takes over what the kernel has found. The table gets arrays of its own: the kernel's memory is many times as large. */
function take(buffer: ArrayBuffer, at: number): Found | undefined {
  const result = [...new Uint32Array(buffer, at, RESULT_WORDS)] as unknown as Result;
  const [low, high, entries, hasZstd, length, ownerCount, columns, namesAt, namesSize, sameness] = result;
  const numbers = (column: number): Uint32Array => new Uint32Array(buffer, columns + column * length * 4, length);
  const isSame = (column: number): boolean => ((sameness >> column) & 1) === 1;
  const column = (index: number, Numbers: new (from: Uint32Array) => Exclude<Column, number>): Column =>
    isSame(index) ? numbers(index)[0]! : new Numbers(numbers(index));
  const names = new Uint8Array(buffer, namesAt, namesSize).slice();
  const firstChild = new Uint32Array(length + 1);
  firstChild.set(numbers(FIRST_CHILDREN));
  firstChild[length] = length;
  // The root's time is the newest.
  const newest = numbers(TIMES)[0]! * SECOND;
  if (decodeUtf8Strict(names) === undefined || (!isSame(TIMES) && newest <= LARGEST)) return undefined;
  const table = new LayerTable(
    {
      firstChild,
      nameEnd: numbers(NAME_ENDS).slice(),
      names,
      mode: column(0, Uint16Array),
      owner: column(1, Uint16Array),
      flags: column(2, Uint8Array),
      method: column(3, Uint8Array),
      crc: column(4, Uint32Array),
      ...(isSame(TIMES) ? { mtime: newest, mtimeUnit: 1 } : { mtime: numbers(TIMES).slice(), mtimeUnit: SECOND }),
      size: column(6, Uint32Array),
      offset: column(7, Uint32Array),
      stored: column(8, Uint32Array),
    },
    { ...noExtras(), owners: ownersAt(new Uint32Array(buffer, at + 4 * RESULT_WORDS, 2 * ownerCount)) },
  );
  return { table, hasZstd: hasZstd === 1, entries, content: low + high * 2 ** 32 };
}

const ownersAt = (pairs: Uint32Array): [uid: number, gid: number][] =>
  Array.from({ length: pairs.length / 2 }, (_, i) => [pairs[2 * i]!, pairs[2 * i + 1]!]);
