/* Compares a codec with zlib over one stream, by every way in which it can decode it. */

import { FsError } from '../../../src/base/errors.ts';
import type { Codec, RestartPoint } from '../../../src/codec/codec.ts';
import { STREAM_START } from '../../../src/codec/codec.ts';
import { referenceInflate } from './streams.ts';
import type { Random } from './streams.ts';

const LIMIT = 1 << 26;

interface Decoded {
  readonly output: Uint8Array;
  readonly consumed: number;
}

/** Gives `undefined` for EIO. Whatever else is thrown is a defect. */
function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (e) {
    if (e instanceof FsError && e.code === 'EIO' && e.detail !== undefined) return undefined;
    throw e;
  }
}

/** Decodes in pieces, and collects restart points. */
export function inflatePieces(codec: Codec, stream: Uint8Array, pieceSize: number, every = Infinity): Decoded & { points: RestartPoint[] } {
  const pieces: Buffer[] = [];
  const points: RestartPoint[] = [];
  const inflater = codec.inflater({
    limit: LIMIT,
    onOutput: (bytes) => pieces.push(Buffer.from(bytes)),
    points: { every, onPoint: (point) => points.push(point) },
  });
  for (let at = 0; at < stream.length; at += pieceSize) inflater.push(stream.subarray(at, at + pieceSize));
  inflater.end();
  return { output: Buffer.concat(pieces), consumed: inflater.consumed, points };
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function describeDifference(expected: Decoded | undefined, actual: Decoded | undefined): string | undefined {
  if (expected === undefined) return actual === undefined ? undefined : 'accepts what zlib rejects';
  if (actual === undefined) return 'rejects what zlib accepts';
  if (expected.consumed !== actual.consumed) return `took ${actual.consumed} bytes, zlib ${expected.consumed}`;
  return equal(expected.output, actual.output) ? undefined : 'gives other bytes than zlib';
}

/** Says what a codec does otherwise than zlib. `undefined`: nothing. */
export function findDifference(codec: Codec, stream: Uint8Array, random: Random): string | undefined {
  const expected = referenceInflate(stream);
  const whole = describeDifference(
    expected,
    attempt(() => codec.inflateStream(stream, LIMIT)),
  );
  if (whole !== undefined) return `inflateStream ${whole}`;
  if (codec.kind === 'wasm') {
    const inPieces = describeDifference(
      expected,
      attempt(() => inflatePieces(codec, stream, 1 + random.below(200))),
    );
    if (inPieces !== undefined) return `inflater ${inPieces}`;
  }
  if (expected === undefined) return undefined;
  const { output, consumed } = expected;
  const known = attempt(() => codec.inflate(stream, output.length));
  if ((known !== undefined) !== (consumed === stream.length)) return 'inflate is wrong about bytes behind the end';
  if (known !== undefined && !equal(known, output)) return 'inflate gives other bytes than zlib';
  const start = random.below(output.length + 1);
  const end = start + random.below(output.length + 1 - start);
  if (!equal(codec.inflateRange(stream, STREAM_START, start, end), output.subarray(start, end))) return 'inflateRange gives other bytes';
  return undefined;
}
