/* A tar archive as a layer: all of it in memory, content is views of it. */

import { readTar } from '../archive/tar.ts';
import { TableBuilder, type TableOptions } from '../layer/build-table.ts';
import type { Layer, LayerWarning } from '../layer/layer.ts';
import { layerDigest } from './digest.ts';

export interface TarLayerOptions {
  readonly name: string;
  /** The archive as it was fetched, compressed or not: what the digest is of. */
  readonly archive: Uint8Array;
  readonly table: TableOptions;
  readonly warnings: readonly LayerWarning[];
}

/**
 * Makes a layer of a tar archive in memory.
 *
 * @throws {FsError} EIO when it is damaged
 */
export async function tarLayer(
  tar: Uint8Array,
  { name, archive, table: tableOptions, warnings: earlier }: TarLayerOptions,
): Promise<Layer> {
  const builder = new TableBuilder(tableOptions);
  readTar(tar, { archive: name }, builder);
  const digest = await layerDigest(archive, tableOptions);
  const { table, warnings } = builder.build();
  // The contract's `peek` and `read` are of one entry; a hard link shares the node, so every name has the same extent.
  const view = (entry: number, start: number, end: number): Uint8Array => {
    const { offset } = table.extent(table.canonical(entry));
    return tar.subarray(offset + start, offset + end);
  };
  return {
    name,
    digest,
    at: tableOptions.at ?? '/',
    table,
    warnings: [...earlier, ...warnings],
    peek: view,
    read: async (entry, start, end, signal) => {
      signal?.throwIfAborted();
      return view(entry, start, end);
    },
    close: async () => undefined,
  };
}
