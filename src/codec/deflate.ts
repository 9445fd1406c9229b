/* Raw DEFLATE by the platform, for what is stored and need not be the same on every machine. The only file that says `CompressionStream`. */

import { concatBytes } from '../base/bytes.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Taken = { readonly done: false; readonly value: Bytes } | { readonly done: true; readonly value?: undefined };

/** What is used of a `CompressionStream`: src/archive, which imports this, is compiled without the DOM's types. */
interface Compressor {
  readonly readable: { getReader(): { read(): Promise<Taken>; cancel(): Promise<void> } };
  readonly writable: { getWriter(): { write(bytes: Bytes): Promise<void>; close(): Promise<void> } };
}

type Platform = new (format: 'deflate-raw') => Compressor;

/** Compresses; `undefined` where the platform cannot. */
export async function deflateByPlatform(bytes: Bytes): Promise<Bytes | undefined> {
  const deflated = deflateStream(once(bytes));
  if (deflated === undefined) return undefined;
  const pieces: Bytes[] = [];
  for await (const piece of deflated) pieces.push(piece);
  return concatBytes(pieces);
}

async function* once(bytes: Bytes): AsyncGenerator<Bytes, void, undefined> {
  yield bytes;
}

/**
 * Compresses what arrives in pieces; `undefined` where the platform cannot. Pieces are asked for only while somebody waits for output, and
 * only when the one before was taken. They belong to the compressor from then on: whoever fills them anew spoils the output.
 */
export function deflateStream(pieces: AsyncIterable<Bytes>): AsyncGenerator<Bytes, void, undefined> | undefined {
  const { CompressionStream: platform } = globalThis as { readonly CompressionStream?: unknown };
  return platform === undefined ? undefined : compress(pieces, platform as Platform);
}

async function* compress(pieces: AsyncIterable<Bytes>, Platform: Platform): AsyncGenerator<Bytes, void, undefined> {
  const { readable, writable } = new Platform('deflate-raw');
  const reader = readable.getReader();
  const writer = writable.getWriter();
  let reading = reader.read();
  try {
    for await (const piece of pieces) {
      const writing = writer.write(piece);
      // The platform may have no room for the piece before output is taken; output that is there goes first.
      for (let taken = await Promise.race([reading, writing]); taken?.done === false; taken = await Promise.race([reading, writing])) {
        yield taken.value;
        reading = reader.read();
      }
    }
    // What goes wrong is heard of at the other end.
    writer.close().catch(() => undefined);
    for (let taken = await reading; !taken.done; taken = await reader.read()) yield taken.value;
  } finally {
    // Lets go of a compressor that was not used to its end. One that failed only says so again.
    reader.cancel().catch(() => undefined);
  }
}
