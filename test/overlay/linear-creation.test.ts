/* Making many names in one directory costs the same for each, however many there are already. */

import { expect, test } from 'vitest';

import { Overlay } from '../../src/fs/overlay.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';
import { lower } from '../support/memory-layer.ts';
import { file } from '../support/tree.ts';

/** What this process has computed so far, in microseconds: what else the machine does takes no part. */
function computed(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** The best of several runs, in microseconds an operation. */
async function cost(count: number, withLower: boolean, make: (overlay: Overlay, i: number) => Promise<unknown>): Promise<number> {
  let best = Infinity;
  for (let run = 0; run < 3; run++) {
    await using overlay = await Overlay.mount({ lower: withLower ? [lower(file('a', 'A'))] : [], upper: memoryUpper() });
    const start = computed();
    await Promise.all(Array.from({ length: count }, (_, i) => make(overlay, i)));
    best = Math.min(best, (computed() - start) / count);
  }
  return best;
}

const WAYS = [
  ['files', (overlay: Overlay, i: number) => overlay.fs.promises.writeFile(`/f${i}`, 'x')],
  [
    'directories, with a stat of their parent',
    async ({ fs }: Overlay, i: number) => {
      await fs.promises.mkdir(`/d${i}`);
      await fs.promises.stat('/');
    },
  ],
] as const;

for (const [what, make] of WAYS) {
  for (const where of ['an empty union', 'a union with a lower']) {
    test(`ten thousand ${what} in ${where} cost no more each than a thousand`, async () => {
      const few = await cost(1_000, where !== 'an empty union', make);
      const many = await cost(10_000, where !== 'an empty union', make);
      // What grows with the number of names would make it ten times as much.
      expect(many / few).toBeLessThan(4);
    });
  }
}
