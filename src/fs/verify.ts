/*
 * The scrub: everything that the workspace has is read again and verified. It never stops at what it finds, gives others their turn,
 * and leaves alone what is kept in memory for those who read meanwhile.
 */

import type { Damage } from '../base/diff.ts';
import { assertNotAborted } from '../base/errors.ts';
import { isFile, isSymlink } from '../base/mode.ts';
import type { WorkOptions } from '../base/progress.ts';
import type { Layer, VerifiedFile } from '../layer/layer.ts';
import type { LayerTable } from '../layer/table.ts';
import type { Engine } from '../overlay/engine.ts';
import { storedBytes, verifyChunks } from '../overlay/verify-chunks.ts';
import { Turns } from './turns.ts';

/** Bytes that are read at a time of a layer that cannot verify itself. */
const STEP = 1 << 20;

/**
 * Reads everything again. Gives what is damaged: nothing when all is well.
 * @throws {AbortError} when the signal fires @throws {FsError} EIO when the workspace is closed meanwhile
 */
export async function verify(engine: Engine, { signal, onProgress }: WorkOptions): Promise<Damage[]> {
  const { layers } = engine.tree;
  const damaged: Damage[] = [];
  let total = storedBytes(engine.tree);
  for (const { table } of layers) for (let entry = 0; entry < table.length; entry++) total += contentSize(table, entry);
  let loaded = 0;
  const turns = new Turns(engine, signal);
  const advance = async (bytes: number): Promise<void> => {
    loaded += bytes;
    if (!turns.isDue) return;
    onProgress?.({ loaded, total });
    await turns.pass();
  };

  turns.assertWanted();
  onProgress?.({ loaded, total });
  try {
    for (const [number, { layer, table }] of layers.entries()) {
      for await (const { entry, error } of layer.verify?.(signal) ?? readThrough(layer, signal)) {
        engine.assertOpen();
        if (error !== undefined) damaged.push({ layer: number, path: table.path(entry), message: messageOf(error) });
        await advance(contentSize(table, entry));
      }
    }
    for await (const { bytes, damage } of verifyChunks(engine)) {
      engine.assertOpen();
      assertNotAborted(signal);
      for (const found of damage) damaged.push({ layer: 'upper', ...found });
      await advance(bytes);
    }
  } catch (e) {
    // Layers reject with the signal's reason as it is.
    assertNotAborted(signal);
    throw e;
  }
  // Others may have changed the upper meanwhile.
  onProgress?.({ loaded: total, total });
  return damaged;
}

/** What a layer has of an entry that can be read: of the names of one file the first has all. */
function contentSize(table: LayerTable, entry: number): number {
  if (table.isWhiteout(entry) || table.canonical(entry) !== entry) return 0;
  const mode = table.mode(entry);
  const hasContent = isFile(mode) || (isSymlink(mode) && table.target(entry) === undefined);
  return hasContent ? table.size(entry) : 0;
}

/** Of a layer that knows no better. */
async function* readThrough(layer: Layer, signal: AbortSignal | undefined): AsyncGenerator<VerifiedFile> {
  const { table } = layer;
  for (let entry = 0; entry < table.length; entry++) {
    const size = contentSize(table, entry);
    if (size === 0) continue;
    try {
      for (let at = 0; at < size; at += STEP) await layer.read(entry, at, Math.min(size, at + STEP), signal);
      yield { entry };
    } catch (error) {
      signal?.throwIfAborted();
      yield { entry, error };
    }
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
