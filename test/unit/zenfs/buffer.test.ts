/* The buffer of an open file against a plain array. */

import { expect, test } from 'vitest';

import { WriteBuffer } from '../../../src/zenfs/buffer.ts';

const LENGTH = 64;

test('whatever is written and cut off, the last write wins, and runs neither touch nor overlap', () => {
  let random = 1;
  const next = (below: number): number => (random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0) % below;
  for (let round = 0; round < 2000; round++) {
    const buffer = new WriteBuffer();
    const model = new Array<number | undefined>(LENGTH).fill(undefined);
    let truncateTo: number | undefined;
    for (let step = 1; step <= 8; step++) {
      const at = next(40);
      if (next(6) === 0) {
        buffer.truncate(at);
        model.fill(undefined, at);
        truncateTo = Math.min(truncateTo ?? at, at);
        continue;
      }
      const bytes = new Uint8Array(next(20)).fill(step);
      buffer.write(at, bytes);
      model.fill(step, at, at + bytes.length);
      bytes.fill(99);
    }
    const shown = new Uint8Array(LENGTH).fill(77);
    buffer.overlay(shown, 0);
    expect([...shown], `round ${round}`).toEqual(model.map((byte) => byte ?? 77));
    expect(buffer.truncateTo).toBe(truncateTo);
    let end = -1;
    for (const { position, bytes } of buffer.patches) {
      expect(position, `round ${round}`).toBeGreaterThan(end);
      end = position + bytes.length;
    }
  }
});

test('a part of it is laid over a part of the file', () => {
  const buffer = new WriteBuffer();
  buffer.write(4, new Uint8Array([1, 2, 3]));
  const part = new Uint8Array(2);
  buffer.overlay(part, 5);
  expect([...part]).toEqual([2, 3]);
  buffer.clear();
  expect(buffer.patches).toEqual([]);
});

test('a file written in small pieces takes time in proportion to its size', () => {
  const buffer = new WriteBuffer();
  const piece = new Uint8Array(64);
  for (let at = 0; at < 8 << 20; at += piece.length) buffer.write(at, piece);
  expect(buffer.patches).toHaveLength(1);
});
