/* What the opening of any archive needs to know, and how an archive is had whole. */

import { FsError } from '../base/errors.ts';
import type { Limits } from '../archive/limits.ts';
import { tooLarge } from '../archive/damage.ts';
import type { TableOptions } from '../layer/build-table.ts';
import type { Source } from './source.ts';

export interface Opening {
  readonly source: Source;
  readonly size: number;
  /** All of it, where it is fetched whole whatever its format: because it is small, or to be compared with what it should be. */
  readonly whole?: Uint8Array | undefined;
  readonly table: TableOptions;
  readonly limits: Limits;
  /** Bytes that may be held in memory at once. */
  readonly maxBytes: number;
  /** What a recorded run read first is to be fetched as soon as it is known where that is. */
  readonly startup?: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Decoding goes on for so long before others have their turn: half of what people notice. */
const TURN_MS = 50;
/** Bytes after which to look at the clock. */
const STEP = 256 << 10;

/**
 * Fetches all of an archive, and tells while it arrives: the receiver gets one array, as long as the archive, and how much of it
 * is there. Others get their turn now and then, so that a signal can be heard.
 *
 * @throws {FsError} EFBIG when it is larger than may be held in memory, and what the source throws
 */
export async function fetchWhole(
  { source, size, maxBytes, signal }: Opening,
  start: (bytes: Uint8Array) => { advance(available: number): void },
): Promise<Uint8Array> {
  if (size > maxBytes) throw tooLarge({ archive: source.name }, `${size} bytes, more than the ${maxBytes} that are allowed`);
  let turn = performance.now();
  const advance = async (receiver: { advance(available: number): void }, from: number, to: number): Promise<void> => {
    for (let available = from; available < to;) {
      available = Math.min(to, available + STEP);
      receiver.advance(available);
      if (performance.now() - turn < TURN_MS) continue;
      await new Promise<void>((resolve) => setTimeout(resolve));
      signal?.throwIfAborted();
      turn = performance.now();
    }
  };
  if (source.stream === undefined) {
    const bytes = source.peek(0, size) ?? (await source.read(0, size, signal));
    await advance(start(bytes), 0, size);
    return bytes;
  }
  const bytes = new Uint8Array(size);
  const receiver = start(bytes);
  let available = 0;
  for await (const piece of source.stream(signal)) {
    if (available + piece.length > size) throw new FsError('EIO', { detail: `${source.name}: more than the ${size} bytes that it has` });
    bytes.set(piece, available);
    await advance(receiver, available, available + piece.length);
    available += piece.length;
  }
  if (available !== size) throw new FsError('EIO', { detail: `${source.name}: ${available} bytes instead of ${size}` });
  return bytes;
}
