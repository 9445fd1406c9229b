/* Bytes of an archive as they arrive: what is on its way already, what a request brings, and going on where a connection broke off. */

import { unreachable } from './http-answer.ts';
import { Received } from './http-body.ts';
import { Transient, type Tries } from './retry.ts';

/** Pieces of a body. Ended before its end, it lets the connection go. */
export type Chunks = AsyncGenerator<Uint8Array, void, undefined>;

/** Bytes of an archive on its way that are read before anything is said of it: they tell what it is. */
const HEAD = 1024;

/** A whole archive on its way, of which the start was read. */
export interface Incoming {
  readonly head: Uint8Array;
  readonly rest: Chunks;
}

/** Reads the start of what arrives. */
export async function startOf(rest: Chunks, limit: number): Promise<Incoming> {
  const head = new Received(limit);
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    if (!head.add(next.value) || head.length >= HEAD) break;
  }
  return { head: head.bytes, rest };
}

/** What arrives, from byte `start` on, which lies in its head. */
export async function* wholeOf({ head, rest }: Incoming, start = 0): Chunks {
  if (start < head.length) yield head.subarray(start);
  yield* rest;
}

/** The bytes [start, end) of a whole body: what a server without ranges makes of a request for the rest. */
export async function* cutChunks(chunks: Chunks, start: number, end: number): Chunks {
  let at = 0;
  for await (const chunk of chunks) {
    const wanted = chunk.subarray(Math.max(0, start - at), Math.max(0, end - at));
    at += chunk.length;
    if (wanted.length > 0) yield wanted;
  }
}

export interface StreamOptions {
  /** For messages. */
  readonly name: string;
  readonly tries: Tries;
  /** Asks for the bytes from `at` on. Breaking off is `Transient`. */
  readonly open: (at: number) => Promise<Chunks>;
}

/**
 * Gives the bytes [start, end), in as many bodies as the connection makes of it.
 *
 * @throws {FsError} EIO when no more tries are left, or when more comes than was asked for; what `open` throws
 */
export async function* streamRange(start: number, end: number, { name, tries, open }: StreamOptions): Chunks {
  let chunks: Chunks | undefined;
  let at = start;
  try {
    while (at < end) {
      let chunk: Uint8Array;
      try {
        chunks ??= await open(at);
        const { done, value } = await chunks.next();
        if (done === true) throw new Transient(unreachable(name, `the connection ended after ${at - start} of ${end - start} bytes`));
        if (at + value.length > end)
          throw unreachable(name, `more than the ${end - start} bytes came that were to come: compressed on the way`);
        chunk = value;
      } catch (e) {
        await chunks?.return();
        chunks = undefined;
        await tries.failed(e, at - start);
        continue;
      }
      at += chunk.length;
      yield chunk;
    }
  } finally {
    await chunks?.return();
  }
}
