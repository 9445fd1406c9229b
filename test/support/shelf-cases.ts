/* What every implementation of shelves does: functions that take one. */

import { expect, test } from 'vitest';
import type { Shelves } from '../../src/storage/shelves.ts';

const text = async (blob: Blob | undefined): Promise<string | undefined> => blob?.text();

export function shelfCases(make: () => Shelves): void {
  test('a blob is there when it was put, under any key, and replaced by the next', async () => {
    const shelf = await make().open('one');
    for (const key of ['plain', 'with/slash?and#more', 'ümlaut %2f', '.']) {
      expect(await shelf.get(key)).toBeUndefined();
      await shelf.put(key, new Blob(['first']));
      await shelf.put(key, new Blob([key]));
      expect(await text(await shelf.get(key))).toBe(key);
    }
  });

  test('keys come in the order in which they were put', async () => {
    const shelf = await make().open('order');
    for (const key of ['c', 'a', 'b']) await shelf.put(key, new Blob([key]));
    expect(await shelf.keys()).toEqual(['c', 'a', 'b']);
    await shelf.remove('a');
    await shelf.remove('never was');
    expect(await shelf.keys()).toEqual(['c', 'b']);
  });

  test('shelves have names, and go with what is on them', async () => {
    const shelves = make();
    await (await shelves.open('gone')).put('a', new Blob(['a']));
    expect(await shelves.names()).toContain('gone');
    await shelves.remove('gone');
    await shelves.remove('never was');
    expect(await shelves.names()).not.toContain('gone');
    expect(await (await shelves.open('gone')).get('a')).toBeUndefined();
  });

  test('a blob is had from a shelf that is not open, and asking makes no shelf', async () => {
    const shelves = make();
    await (await shelves.open('one')).put('a', new Blob(['alpha']));
    await (await shelves.open('other')).put('b', new Blob(['beta']));
    expect(await text(await shelves.get('one', 'a'))).toBe('alpha');
    expect(await shelves.get('one', 'b')).toBeUndefined();
    expect(await shelves.get('none', 'a')).toBeUndefined();
    expect(await shelves.names()).not.toContain('none');
  });

  test('a blob can be read in slices, and after it was replaced', async () => {
    const shelf = await make().open('slices');
    await shelf.put('big', new Blob([new Uint8Array(3 << 20).fill(7), 'end']));
    const blob = await shelf.get('big');
    expect(blob?.size).toBe((3 << 20) + 3);
    expect(await text(blob?.slice(3 << 20))).toBe('end');
    await shelf.put('big', new Blob(['small']));
    expect(await text(await shelf.get('big'))).toBe('small');
  });
}
