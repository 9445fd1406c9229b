/* What the opening of any archive needs to know, and how an archive arrives whole. */

import { FsError } from '../base/errors.ts';
import type { Limits } from '../archive/limits.ts';
import { tooLarge } from '../archive/damage.ts';
import type { TableOptions } from '../layer/build-table.ts';
import type { HttpOptions, LoadProgress } from './http-request.ts';
import type { Source } from './source.ts';
import { nextTurn } from './turn.ts';

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
  /** Hears how many entries were found so far, where that is known before the end. */
  readonly onEntries?: ((entries: number) => void) | undefined;
}

/** Decoding goes on for so long before others have their turn: half of what people notice. */
const TURN_MS = 50;
/** Bytes after which to look at the clock. */
const STEP = 256 << 10;

/** One array, as long as the archive, and how much of it is there. */
export interface Arrived {
  readonly bytes: Uint8Array;
  readonly available: number;
}

/**
 * Fetches all of an archive, and tells while it arrives, at least after every `step` bytes. Others get their turn now and then, so that
 * a signal can be heard.
 *
 * @throws {FsError} EFBIG when it is larger than may be held in memory, and what the source throws
 */
export async function* arrivalOf({ source, size, maxBytes, signal }: Opening, step = STEP): AsyncGenerator<Arrived, void, undefined> {
  if (size > maxBytes) throw tooLarge({ archive: source.name }, `${size} bytes, more than the ${maxBytes} that are allowed`);
  const atHand = source.peek(0, size);
  const whole = atHand ?? (source.stream === undefined ? await source.read(0, size, signal) : undefined);
  const bytes = whole ?? new Uint8Array(size);
  let available = 0;
  let turn = performance.now();
  for await (const piece of whole === undefined ? source.stream!(0, size, signal) : [whole]) {
    const end = available + piece.length;
    if (end > size) throw new FsError('EIO', { detail: `${source.name}: more than the ${size} bytes that it has` });
    if (whole === undefined) bytes.set(piece, available);
    while (available < end) {
      available = Math.min(end, available + step);
      yield { bytes, available };
      if (performance.now() - turn < TURN_MS) continue;
      await nextTurn();
      signal?.throwIfAborted();
      turn = performance.now();
    }
  }
  if (available !== size) throw new FsError('EIO', { detail: `${source.name}: ${available} bytes instead of ${size}` });
}

/** Tells how much of an archive has come, together with how much of it was understood. */
export class OpeningProgress {
  #bytes: LoadProgress = { loaded: 0 };
  #entries: number | undefined;

  constructor(private readonly tell: HttpOptions['onProgress']) {}

  readonly onBytes = (progress: LoadProgress): void => {
    this.#bytes = progress;
    this.#tell();
  };

  readonly onEntries = (entries: number): void => {
    this.#entries = entries;
  };

  /** All entries are known now, where they were counted. */
  finish(): void {
    if (this.#entries !== undefined) this.#tell();
  }

  #tell(): void {
    this.tell?.(this.#entries === undefined ? this.#bytes : { ...this.#bytes, entries: this.#entries });
  }
}
