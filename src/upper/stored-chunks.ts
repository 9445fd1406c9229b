/* Reading chunks, wherever they stand, in one transaction: what was known of runs before it may have changed since. */

import { promisifyRequest } from 'idb-keyval';
import { type ChunkRuns, bytesKey, chunkOf, decodeLengths } from './chunk-runs.ts';
import type { StoreName } from './connection.ts';

/** A run as it was read. */
interface ReadRun {
  readonly lengths: readonly number[] | undefined;
  readonly bytes: unknown;
}

/** The stores that have to be read for these chunks. */
export function storesOfChunks(ids: readonly number[], runs: ChunkRuns): StoreName[] {
  return ids.some((id) => runs.placeOf(id) !== undefined) ? ['chunks', 'runs'] : ['chunks'];
}

/** The chunks in the order of `ids`, each owning its bytes: `undefined` where there is none, `null` where it is damaged. */
export async function readStoredChunks(
  transaction: IDBTransaction,
  ids: readonly number[],
  runs: ChunkRuns,
): Promise<(Uint8Array | undefined | null)[]> {
  const ask = (store: StoreName, key: number): Promise<unknown> => promisifyRequest<unknown>(transaction.objectStore(store).get(key));
  const reading = new Map<object, Promise<ReadRun>>();
  const read = async (id: number): Promise<Uint8Array | undefined | null> => {
    const run = runs.placeOf(id);
    if (run === undefined) return rowOf(await ask('chunks', id));
    let found = reading.get(run);
    if (found === undefined) {
      found = Promise.all([ask('runs', run.first), ask('chunks', bytesKey(run))]).then(([lengths, bytes]) => ({
        lengths: decodeLengths(lengths),
        bytes,
      }));
      reading.set(run, found);
    }
    const { lengths, bytes } = await found;
    if (lengths === undefined) return null;
    const chunk = chunkOf(id, run.first, lengths, bytes);
    if (bytes instanceof Uint8Array) runs.keep(run, lengths, bytes);
    return chunk?.slice() ?? chunk;
  };
  return Promise.all(ids.map(read));
}

const rowOf = (value: unknown): Uint8Array | undefined | null => (value === undefined || value instanceof Uint8Array ? value : null);
