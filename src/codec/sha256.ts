/* SHA-256 (FIPS 180-4) where there is no kernel, and what surrounds the blocks of it: the first state, padding, the result. */

/** Bytes that are hashed at a time. */
export const SHA_BLOCK = 64;

/** The first 32 bits of the fractional parts of the square roots of the first 8 primes (5.3.3). */
export const INITIAL_STATE = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19] as const;

/** What is hashed behind the whole blocks of `bytes`: the rest, a bit, zeros and the length in bits. One block or two. */
export function lastBlocks(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const rest = bytes.length % SHA_BLOCK;
  const last = new Uint8Array(rest < SHA_BLOCK - 8 ? SHA_BLOCK : 2 * SHA_BLOCK);
  last.set(bytes.subarray(bytes.length - rest));
  last[rest] = 0x80;
  new DataView(last.buffer).setBigUint64(last.length - 8, BigInt(bytes.length) * 8n);
  return last;
}

/** A state as the bytes of a digest. */
export function digestOf(state: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const digest = new Uint8Array(32);
  const view = new DataView(digest.buffer);
  for (let i = 0; i < 8; i++) view.setUint32(i * 4, state[i]!);
  return digest;
}

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes (4.2.2): exact, by whole numbers. */
const ROUND_CONSTANTS = roundConstants();

function roundConstants(): Int32Array {
  const constants = new Int32Array(64);
  let found = 0;
  for (let candidate = 2; found < 64; candidate++) {
    let divisor = 2;
    while (divisor * divisor <= candidate && candidate % divisor !== 0) divisor++;
    if (divisor * divisor <= candidate) continue;
    constants[found++] = Number(BigInt.asIntN(32, cubeRoot(BigInt(candidate) << 96n)));
  }
  return constants;
}

/** The whole part of a cube root: of a number below 2^105. */
function cubeRoot(cube: bigint): bigint {
  let root = 0n;
  for (let bit = 1n << 35n; bit > 0n; bit >>= 1n) if ((root | bit) ** 3n <= cube) root |= bit;
  return root;
}

const rotate = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

/** The SHA-256 of `bytes`. */
export function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const state = Int32Array.from(INITIAL_STATE);
  const words = new Int32Array(64);
  const whole = bytes.length - (bytes.length % SHA_BLOCK);
  takeBlocks(state, words, bytes.subarray(0, whole));
  takeBlocks(state, words, lastBlocks(bytes));
  return digestOf(state);
}

function takeBlocks(state: Int32Array, words: Int32Array, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += SHA_BLOCK) {
    for (let i = 0; i < 16; i++) words[i] = view.getInt32(at + i * 4);
    for (let i = 16; i < 64; i++) {
      const early = words[i - 15]!;
      const late = words[i - 2]!;
      const small0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3);
      const small1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10);
      words[i] = words[i - 16]! + small0 + words[i - 7]! + small1;
    }
    compress(state, words);
  }
}

function compress(state: Int32Array, words: Int32Array): void {
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let i = 0; i < 64; i++) {
    const big1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const one = (h + big1 + (g ^ (e & (f ^ g))) + ROUND_CONSTANTS[i]! + words[i]!) | 0;
    const big0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const two = (big0 + ((a & b) | (c & (a | b)))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + one) | 0;
    d = c;
    c = b;
    b = a;
    a = (one + two) | 0;
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i] = state[i]! + word;
}
