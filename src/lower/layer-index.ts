/*
 * What was learned by reading an archive's table of contents, as bytes: the table itself, the digest, the warnings and what the
 * reader of the format needs besides. With it an archive is opened without reading or parsing anything.
 */

import type { TableOptions } from '../layer/build-table.ts';
import type { Layer, LayerWarning } from '../layer/layer.ts';
import { packValue, unpackValue } from '../layer/stored-value.ts';
import { type Columns, type Extras, LayerTable } from '../layer/table.ts';
import { nameOf } from './catalog.ts';

/** To be raised whenever a reader makes another table of the same archive, or a table has other columns: older indexes are then made anew. */
const INDEX_VERSION = 2;

/** An index of one archive, mounted in one way. */
export interface LayerIndex {
  /** Whose `state` it is. */
  readonly format: 'zip' | 'estargz' | 'zstd-chunked' | 'directory' | 'squashfs' | 'tar';
  readonly digest: string;
  readonly warnings: readonly LayerWarning[];
  readonly table: LayerTable;
  /** What the format's layer needs: plain values, maps, typed arrays. */
  readonly state: unknown;
}

/** The index that a layer has; `undefined` of a layer that has none, or makes it when asked for (a tar). */
export function indexOf(layer: Layer): LayerIndex | undefined {
  const { index } = layer as Layer & { readonly index?: LayerIndex | (() => unknown) };
  return typeof index === 'object' ? index : undefined;
}

interface StoredIndex extends Omit<LayerIndex, 'table'> {
  readonly columns: Columns;
  readonly extras: Extras;
}

export function packIndex({ table, ...rest }: LayerIndex): Uint8Array<ArrayBuffer> {
  return packValue({ ...rest, ...table.parts } satisfies StoredIndex);
}

/**
 * Takes the bytes over: the table's columns are views of them.
 * @throws {TypeError, SyntaxError, RangeError} when they are no index
 */
export function unpackIndex(bytes: Uint8Array<ArrayBuffer>): LayerIndex {
  const { columns, extras, ...rest } = unpackValue(bytes) as StoredIndex;
  if ((columns as unknown) === undefined) throw new TypeError('an index without a table');
  return { ...rest, table: new LayerTable(columns, extras) };
}

/** The name of an index in the cache: all that its table depends on, besides the archive. */
export function indexName(options: TableOptions): string {
  const sorted = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1));
  return nameOf(JSON.stringify([INDEX_VERSION, sorted]));
}
