/* Bytes to write: random ones, which no store can compress, and text like a program's, which Chromium's does. The same in every run. */

/** Mulberry32: a small generator with a seed. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function randomBytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  const words = new Uint32Array(bytes.buffer, 0, length >> 2);
  const next = randomNumbers(seed);
  for (let i = 0; i < words.length; i++) words[i] = next() * 2 ** 32;
  return bytes;
}

const words = 'const let return function import export from async await if else for while new this type interface string number'.split(' ');

export function sourceText(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const next = randomNumbers(seed);
  const lines: string[] = [];
  for (let size = 0; size < length;) {
    const name = `value${Math.floor(next() * 1e6).toString(36)}`;
    const line = `  ${words[Math.floor(next() * words.length)] ?? ''} ${name} = ${words[Math.floor(next() * words.length)] ?? ''}(${name}); // ${name}\n`;
    lines.push(line);
    size += line.length;
  }
  return new TextEncoder().encode(lines.join('')).slice(0, length);
}
