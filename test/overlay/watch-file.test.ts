/* `fs.watchFile` is told of every change, however it was made. */

import { expect, onTestFinished, test } from 'vitest';

import type { Stats } from '../../src/base/stats.ts';
import { Overlay } from '../../src/fs/overlay.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';
import { lower } from '../support/memory-layer.ts';
import { dir, file } from '../support/tree.ts';

async function mount() {
  const overlay = await Overlay.mount({ lower: [lower(dir('d', file('x', 'X')), file('a', 'A'))], upper: memoryUpper() });
  onTestFinished(() => overlay.close());
  const seen: (readonly [now: number, before: number])[] = [];
  const listener = (now: Stats, before: Stats): void => void seen.push([now.size, before.size]);
  return { overlay, fs: overlay.fs, seen, listener };
}

test('a watched file tells of writes, removal and return, with the attributes before and after', async () => {
  const { fs, seen, listener } = await mount();
  fs.watchFile('/a', { interval: 10 }, listener);
  await fs.promises.appendFile('/a', 'BC');
  await fs.promises.unlink('/a');
  await fs.promises.writeFile('/a', '12345');
  expect(seen).toEqual([
    [3, 1],
    [0, 3],
    [5, 0],
  ]);
});

test('a file that does not exist yet can be watched', async () => {
  const { overlay, fs, seen, listener } = await mount();
  fs.watchFile('/d/n', listener);
  fs.writeFileSync('/d/n', 'new');
  await overlay.flush();
  await fs.promises.rename('/d', '/e');
  expect(seen).toEqual([
    [3, 0],
    [0, 3],
  ]);
});

test('reset, and a rename of a directory above, are told as well', async () => {
  const { overlay, fs, seen, listener } = await mount();
  fs.watchFile('/d/x', listener);
  await fs.promises.writeFile('/d/x', 'XYZ');
  await overlay.reset('/d/x');
  await fs.promises.rename('/d', '/e');
  expect(seen).toEqual([
    [3, 1],
    [1, 3],
    [0, 1],
  ]);
});

test('reading and changes elsewhere are not told, and nothing after unwatchFile', async () => {
  const { fs, seen, listener } = await mount();
  const { close } = fs.watchFile('/a', listener);
  await fs.promises.readFile('/a');
  await fs.promises.writeFile('/b', '');
  close();
  fs.watchFile('/a', listener);
  fs.unwatchFile('/a');
  await fs.promises.writeFile('/a', 'changed');
  expect(seen).toEqual([]);
});
