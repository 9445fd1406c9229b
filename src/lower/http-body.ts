/* Reads the body of an answer, piece by piece, with a bound. */

export interface BodyOptions {
  /** How many bytes will probably come: that much is allocated at once. */
  readonly hint: number | undefined;
  /** Where reading ends, whatever else comes. */
  readonly limit: number;
  /** Hears the length of every piece. */
  readonly onChunk: (bytes: number) => void;
}

const FIRST_ALLOCATION = 64 << 10;

/** Gives what came, and whether more would have come beyond the limit. Rejects with what the stream rejects with. */
export async function readBody(
  response: Response,
  { hint, limit, onChunk }: BodyOptions,
  signal: AbortSignal,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; more: boolean }> {
  let buffer = new Uint8Array(Math.min(hint ?? FIRST_ALLOCATION, limit));
  let length = 0;
  const reader = response.body?.getReader();
  if (reader === undefined) return { bytes: buffer.subarray(0, 0), more: false };
  for (;;) {
    const { done, value } = await reader.read();
    signal.throwIfAborted();
    if (done) break;
    const taken = value.subarray(0, limit - length);
    if (length + taken.length > buffer.length) {
      const larger = new Uint8Array(Math.min(limit, Math.max(buffer.length * 2, length + taken.length)));
      larger.set(buffer.subarray(0, length));
      buffer = larger;
    }
    buffer.set(taken, length);
    length += taken.length;
    onChunk(value.length);
    if (taken.length < value.length) {
      await reader.cancel();
      return { bytes: buffer, more: true };
    }
  }
  return { bytes: length === buffer.length ? buffer : buffer.slice(0, length), more: false };
}
