/* How much is fetched for what is read, and what is kept. */

import { describe, expect, test } from 'vitest';
import { Blocks } from '../../../src/lower/blocks.ts';
import type { OnArrival, Source } from '../../../src/lower/source.ts';

const KiB = 1 << 10;
const SIZE = 20 << 20;
const valueAt = (offset: number): number => (offset * 7 + (offset >> 8)) & 0xff;

/** A source that is never at hand, and notes what is asked of it. */
class SlowSource implements Source {
  readonly name = 'slow';
  readonly stats = { requests: 0, bytes: 0 };
  readonly reads: [start: number, end: number][] = [];
  fail: Error | undefined;
  open = 0;
  mostOpen = 0;

  async size(): Promise<number> {
    return SIZE;
  }
  async read(start: number, end: number, signal?: AbortSignal, _onArrival?: OnArrival): Promise<Uint8Array> {
    this.reads.push([start, end]);
    this.mostOpen = Math.max(this.mostOpen, ++this.open);
    await new Promise((resolve) => setTimeout(resolve, 2));
    this.open--;
    signal?.throwIfAborted();
    if (this.fail !== undefined) throw this.fail;
    return Uint8Array.from({ length: end - start }, (_, i) => valueAt(start + i));
  }
  peek(): undefined {
    return undefined;
  }
  close(): void {
    this.fail = new Error('closed');
  }
  get fetched(): number {
    return this.reads.reduce((sum, [start, end]) => sum + end - start, 0);
  }
}

function setUp(limit?: number): { source: SlowSource; blocks: Blocks; check: (start: number, length: number) => Promise<void> } {
  const source = new SlowSource();
  const blocks = new Blocks(source, { end: SIZE, limit });
  const check = async (start: number, length: number): Promise<void> => {
    const bytes = await blocks.read(start, start + length);
    expect(bytes.length).toBe(length);
    for (let i = 0; i < length; i += Math.max(1, length >> 6)) expect(bytes[i]).toBe(valueAt(start + i));
    expect(bytes.at(-1)).toBe(valueAt(start + length - 1));
  };
  return { source, blocks, check };
}

describe('how much is fetched', () => {
  test('the first read fetches less than 64 KiB too much', async () => {
    const { source, check } = setUp();
    await check(5_000_001, 100_000);
    expect(source.reads).toHaveLength(1);
    expect(source.fetched).toBeLessThan(100_000 + 64 * KiB);
  });

  test('reads here and there grow to aligned blocks of 256 KiB', async () => {
    const { source, check } = setUp();
    for (const at of [1, 15, 3, 12, 7, 18]) await check((at << 20) + 300 * KiB, 500);
    expect(source.reads.map(([start, end]) => (end - start) / KiB)).toEqual([32, 64, 128, 256, 256, 256]);
    for (const [start, end] of source.reads.slice(3)) expect([start % (256 * KiB), end % (256 * KiB)]).toEqual([0, 0]);
  });

  test('reads that go on where the last one ended grow to 1 MiB, and one elsewhere brings them back', async () => {
    const { source, check } = setUp();
    for (let at = 0; at < 6 << 20; at += 16 * KiB) await check(at, 16 * KiB);
    const sizes = source.reads.map(([start, end]) => (end - start) / KiB);
    expect(sizes.slice(0, 6)).toEqual([32, 64, 128, 256, 512, 1024]);
    expect(Math.max(...sizes)).toBe(1024);
    await check(15 << 20, 10);
    expect(source.reads.at(-1)?.map((edge) => edge / KiB)).toEqual([15 * KiB, 15 * KiB + 256]);
  });

  test('a read of adjacent blocks is one request, and a long one several at once', async () => {
    const { source, check } = setUp();
    await check(0, 3 << 20);
    expect(source.reads).toHaveLength(1);
    await check(4 << 20, 13 << 20);
    expect(source.reads.slice(1).map(([start, end]) => end - start)).toEqual([4 << 20, 4 << 20, 4 << 20, 1 << 20]);
  });

  test('what is there already is not fetched again', async () => {
    const { source, check } = setUp();
    await check(1 << 20, 32 * KiB);
    await check(0, 3 << 20);
    await check(100, 2 << 20);
    expect(source.fetched).toBe(3 << 20);
  });

  test('nothing beyond the end is fetched ahead', async () => {
    const { source, blocks } = setUp();
    const short = new Blocks(source, { end: 1_000_001 });
    for (let i = 0; i < 5; i++) await short.read(i * 200_000, i * 200_000 + 10);
    expect((await short.read(999_990, 1_000_001)).length).toBe(11);
    expect(Math.max(...source.reads.map(([, end]) => end))).toBe(1_000_001);
    blocks.close();
  });
});

describe('readers at the same time', () => {
  test('of one block share its request', async () => {
    const { source, check } = setUp();
    await Promise.all(Array.from({ length: 50 }, () => check(2_000_000, 1000)));
    expect(source.reads).toHaveLength(1);
  });

  test('of different blocks have at most six requests under way', async () => {
    const { source, check } = setUp();
    await Promise.all(Array.from({ length: 20 }, (_, i) => check(i << 20, 1000)));
    expect(source.mostOpen).toBe(6);
  });

  test('get their pages when these have come, before the request ends', async () => {
    const { source, blocks } = setUp();
    const bytes = Uint8Array.from({ length: 3 * 32 * KiB }, (_, i) => valueAt(i));
    let arrive: OnArrival | undefined;
    let fail: ((reason: Error) => void) | undefined;
    source.read = (_start, _end, _signal, onArrival) => {
      arrive = onArrival;
      return new Promise((_, reject) => (fail = reject));
    };
    const whole = blocks.read(0, 3 * 32 * KiB);
    const early = blocks.read(40 * KiB, 50 * KiB);
    arrive!(bytes.subarray(0, 64 * KiB - 1));
    expect(blocks.peek(0, 32 * KiB)).toEqual(bytes.subarray(0, 32 * KiB));
    expect(blocks.peek(0, 33 * KiB)).toBeUndefined();
    arrive!(bytes.subarray(0, 64 * KiB));
    expect(await early).toEqual(bytes.subarray(40 * KiB, 50 * KiB));
    fail!(new Error('unplugged'));
    await expect(whole).rejects.toThrow('unplugged');
    // What had come stays.
    expect(await blocks.read(0, 64 * KiB)).toEqual(bytes.subarray(0, 64 * KiB));
  });

  test('a failure reaches all of them, and is forgotten', async () => {
    const { source, blocks, check } = setUp();
    source.fail = new Error('unplugged');
    const both = await Promise.allSettled([blocks.read(0, 10), blocks.read(5, 15)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    source.fail = undefined;
    await check(0, 20);
  });

  test('when the last one gives up, the request is given up, and the next reader gets its own', async () => {
    const { source, blocks, check } = setUp();
    const [a, b] = [new AbortController(), new AbortController()];
    const both = Promise.allSettled([blocks.read(0, 10, a.signal), blocks.read(0, 10, b.signal)]);
    a.abort();
    b.abort();
    const results = await both;
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await check(0, 10);
    expect(source.reads).toHaveLength(2);
  });
});

describe('what is kept', () => {
  test('is at hand, also across blocks', async () => {
    const { blocks, check } = setUp();
    expect(blocks.peek(0, 10)).toBeUndefined();
    await check(0, 100_000);
    expect(blocks.peek(30_000, 70_000)).toEqual(Uint8Array.from({ length: 40_000 }, (_, i) => valueAt(30_000 + i)));
    expect(blocks.peek(90_000, 200_000)).toBeUndefined();
  });

  test('is what was used last, within the budget; a read beyond the budget is whole all the same', async () => {
    const { source, blocks, check } = setUp(256 * KiB);
    await check(0, 1 << 20);
    expect(blocks.peek(0, 10)).toBeUndefined();
    expect(blocks.peek((1 << 20) - 10, 1 << 20)).toBeDefined();
    await check(0, 100);
    expect(source.fetched).toBeGreaterThan(1 << 20);
  });

  test('does not keep alive more than it holds', async () => {
    const { blocks, check } = setUp();
    await check(0, 3 << 20);
    expect(blocks.peek(10, 20)!.buffer.byteLength).toBeLessThanOrEqual(32 * KiB);
  });
});

describe('a source that holds some of it', () => {
  /** Holds [from, to), and can be read at once. */
  class HoldingSource extends SlowSource {
    readonly keeps = true;
    held: readonly [from: number, to: number] = [(8 << 20) + 64 * KiB, (9 << 20) + 64 * KiB];
    holds(start: number, end: number): boolean {
      return start >= this.held[0] && end <= this.held[1];
    }
    readSync(start: number, end: number): Uint8Array {
      this.reads.push([start, end]);
      return Uint8Array.from({ length: end - start }, (_, i) => valueAt(start + i));
    }
  }
  const holding = (): { source: HoldingSource; blocks: Blocks } => {
    const source = new HoldingSource();
    return { source, blocks: new Blocks(source, { end: SIZE }) };
  };

  test('is read by the page there, however large the window has grown', async () => {
    const { source, blocks } = holding();
    for (const at of [1, 15, 3, 12]) await blocks.read(at << 20, (at << 20) + 10);
    source.reads.length = 0;
    const [from, to] = source.held;
    await blocks.read(to - 10, to);
    expect(source.reads).toEqual([[to - 32 * KiB, to]]);
    // A miss beside it does not fetch what is held.
    await blocks.read(to, to + 10);
    await blocks.read(from - 10, from);
    expect(source.reads).toHaveLength(3);
    for (const [start, end] of source.reads.slice(1)) expect(end <= from || start >= to).toBe(true);
  });

  test('does not make what is held wait for requests', async () => {
    const { source, blocks } = holding();
    const misses = Array.from({ length: 8 }, (_, i) => blocks.read(i << 20, (i << 20) + 10));
    const before = source.reads.length;
    const held = blocks.read((8 << 20) + 64 * KiB, (8 << 20) + 65 * KiB);
    expect(source.reads.length).toBe(before + 1);
    await Promise.all([...misses, held]);
  });

  test('gives the same bytes synchronously, by the same windows, and keeps them', async () => {
    const { source, blocks } = holding();
    for (let at = 0; at < 3 << 20; at += 16 * KiB) {
      const bytes = blocks.readSync(at, at + 16 * KiB)!;
      expect([bytes.length, bytes[0], bytes.at(-1)]).toEqual([16 * KiB, valueAt(at), valueAt(at + 16 * KiB - 1)]);
    }
    expect(source.reads.length).toBeLessThan(10);
    expect(blocks.peek(100_000, 200_000)?.length).toBe(100_000);
  });

  test('is not prefetched again; the rest is, with small gaps in one request', async () => {
    const { source, blocks } = holding();
    const seen: number[] = [];
    const near: [number, number][] = [
      [0, 10],
      [90 * KiB, 91 * KiB],
      [(8 << 20) + 64 * KiB, (8 << 20) + 65 * KiB],
      [5 << 20, (5 << 20) + 10],
    ];
    await blocks.prefetch(near, { onProgress: ({ loaded, total }) => seen.push(loaded / total) });
    expect(source.reads).toEqual([
      [0, 96 * KiB],
      [5 << 20, (5 << 20) + 32 * KiB],
    ]);
    expect(seen.at(-1)).toBe(1);
  });

  test('leaves connections to readers while everything is prefetched', async () => {
    const { source, blocks } = holding();
    await blocks.prefetch([[0, SIZE]]);
    expect(source.mostOpen).toBeLessThanOrEqual(3);
    expect(source.fetched).toBe(SIZE - (1 << 20));
  });
});
