/* Reads the body of an answer, piece by piece, with a bound, into bytes that outlive the answer: the next one may go on where it ended. */

const FIRST_ALLOCATION = 64 << 10;

/** What came of a body, or of several that follow each other. */
export class Received {
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #length = 0;

  /** @param limit bytes; what comes beyond is not taken */
  constructor(readonly limit: number) {}

  get length(): number {
    return this.#length;
  }

  /** Gives the bytes away: the object is of no use afterwards. */
  get bytes(): Uint8Array<ArrayBuffer> {
    const buffer = this.#buffer ?? new Uint8Array(0);
    return this.#length === buffer.length ? buffer : buffer.slice(0, this.#length);
  }

  /** What came until now: a view, good until more comes. */
  get soFar(): Uint8Array {
    return this.#buffer?.subarray(0, this.#length) ?? new Uint8Array(0);
  }

  /** Says how many bytes will probably come: that much is allocated at once. */
  expect(length: number | undefined): void {
    this.#buffer ??= new Uint8Array(Math.min(length ?? FIRST_ALLOCATION, this.limit));
  }

  /** Takes what fits; false where that is not all. */
  add(chunk: Uint8Array): boolean {
    const taken = chunk.subarray(0, this.limit - this.#length);
    const length = this.#length + taken.length;
    let buffer = this.#buffer ?? new Uint8Array(0);
    if (length > buffer.length) {
      const larger = new Uint8Array(Math.min(this.limit, Math.max(buffer.length * 2, length)));
      larger.set(buffer.subarray(0, this.#length));
      buffer = larger;
    }
    buffer.set(taken, this.#length);
    this.#buffer = buffer;
    this.#length = length;
    return taken.length === chunk.length;
  }

  clear(): void {
    this.#length = 0;
  }
}

/** What a server is that has not sent a byte for so long. */
export class Stalled extends Error {
  constructor(milliseconds: number) {
    super(`nothing came for ${milliseconds / 1000} s`);
  }
}

/** Waits for an answer, or for the next piece of one, but not for ever. `giveUp` lets the connection go. */
export async function unlessStalled<T>(answer: Promise<T>, milliseconds: number, giveUp: () => unknown): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stalled = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Stalled(milliseconds));
      giveUp();
    }, milliseconds);
  });
  try {
    return await Promise.race([answer, stalled]);
  } finally {
    clearTimeout(timer);
  }
}

export interface BodyOptions {
  /** Milliseconds without a byte after which the server counts as gone. */
  readonly stall: number;
  /** Hears the length of every piece. */
  readonly onChunk: (bytes: number) => void;
}

/**
 * The pieces of a body as they arrive. Whoever does not want the rest ends it, which lets the connection go.
 * Rejects with what the stream rejects with, or with `Stalled`.
 */
export async function* chunksOf(
  response: Response,
  { stall, onChunk }: BodyOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  // Where a stream has failed already, there is nothing to let go of.
  const leave = (): Promise<void> => reader.cancel().catch(() => undefined);
  // A `fetch` of the embedder's own may not know of the signal.
  signal.addEventListener('abort', leave);
  try {
    for (;;) {
      const { done, value } = await unlessStalled(reader.read(), stall, leave);
      signal.throwIfAborted();
      if (done) return;
      onChunk(value.length);
      yield value;
    }
  } finally {
    signal.removeEventListener('abort', leave);
    await leave();
  }
}

/**
 * Takes pieces to their end, or to the limit; tells whether more would have come beyond it. Where they break off, what came until
 * then is in `into`.
 */
export async function receiveInto(into: Received, chunks: AsyncIterable<Uint8Array>, onChunk?: () => void): Promise<boolean> {
  for await (const chunk of chunks) {
    const fits = into.add(chunk);
    onChunk?.();
    if (!fits) return true;
  }
  return false;
}
