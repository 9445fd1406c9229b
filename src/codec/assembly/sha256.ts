/* SHA-256 (FIPS 180-4) of whole blocks. Padding is the caller's. */

import { SHA_SCHEDULE, SHA_STATE } from './layout';

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2). */
const ROUND_CONSTANTS = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);

/** Takes the blocks in [at, end) into the state; `end` - `at` is a multiple of 64. */
export function sha256(at: usize, end: usize): void {
  for (; at < end; at += 64) {
    schedule(at);
    compress();
  }
}

function schedule(at: usize): void {
  for (let i: usize = 0; i < 64; i += 4) store<u32>(SHA_SCHEDULE + i, bswap(load<u32>(at + i)));
  for (let i: usize = SHA_SCHEDULE + 64; i < SHA_SCHEDULE + 256; i += 4) {
    const early = load<u32>(i - 60);
    const late = load<u32>(i - 8);
    const small0 = rotr(early, 7) ^ rotr(early, 18) ^ (early >> 3);
    const small1 = rotr(late, 17) ^ rotr(late, 19) ^ (late >> 10);
    store<u32>(i, load<u32>(i - 64) + small0 + load<u32>(i - 28) + small1);
  }
}

function compress(): void {
  let a = load<u32>(SHA_STATE);
  let b = load<u32>(SHA_STATE, 4);
  let c = load<u32>(SHA_STATE, 8);
  let d = load<u32>(SHA_STATE, 12);
  let e = load<u32>(SHA_STATE, 16);
  let f = load<u32>(SHA_STATE, 20);
  let g = load<u32>(SHA_STATE, 24);
  let h = load<u32>(SHA_STATE, 28);
  for (let i: usize = 0; i < 256; i += 4) {
    const big1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
    const one = h + big1 + (g ^ (e & (f ^ g))) + load<u32>(ROUND_CONSTANTS + i) + load<u32>(SHA_SCHEDULE + i);
    const big0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
    const two = big0 + ((a & b) | (c & (a | b)));
    h = g;
    g = f;
    f = e;
    e = d + one;
    d = c;
    c = b;
    b = a;
    a = one + two;
  }
  add(0, a);
  add(4, b);
  add(8, c);
  add(12, d);
  add(16, e);
  add(20, f);
  add(24, g);
  add(28, h);
}

function add(word: usize, value: u32): void {
  store<u32>(SHA_STATE + word, load<u32>(SHA_STATE + word) + value);
}
