/*
 * The same question as in chunk-size.ts, through the engine: src/layer/chunk-size.ts is replaced in each contestant's engine. An
 * acknowledged write is awaited; durability is strict, as it is by default.
 */

import type { FileHandle, FsPromises } from '../../src/fs/api.ts';
import type * as Engine from '../../src/engine.ts';
import { randomBytes, randomNumbers } from '../harness/content.ts';
import { settled, timeEach } from '../harness/idb.ts';
import { time } from '../harness/suite.ts';
import type { Contestant, Measured, Scenario, Suite } from '../harness/suite.ts';

const KIB = 1 << 10;
const MIB = 1 << 20;
/** KiB. */
const SIZES = [64, 128, 256, 512, 1024];

let number = 0;

/** Runs `work` on a new workspace; `reopen` gives it with nothing in memory. */
async function withWorkspace(
  kib: number,
  work: (fs: FsPromises, reopen: () => Promise<FsPromises>) => Promise<Measured>,
): Promise<Measured> {
  const { Overlay, idbUpper } = (await import(new URL(`/engine-${kib * KIB}.js`, location.href).href)) as typeof Engine;
  const name = `bench-${performance.timeOrigin}-${number++}`;
  const mount = async (): Promise<Engine.Overlay> => Overlay.mount({ upper: await idbUpper(name) });
  let overlay = await mount();
  const reopen = async (): Promise<FsPromises> => {
    await overlay.close();
    overlay = await mount();
    return overlay.fs.promises;
  };
  try {
    return await work(overlay.fs.promises, reopen);
  } finally {
    await overlay.close();
    await settled(indexedDB.deleteDatabase(`stratafs:${name}`));
  }
}

async function withFile<T>(fs: FsPromises, flags: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await fs.open('/file.bin', flags);
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

const LARGE = 64 * MIB;
const ACCESSES = 40;

const largeFile =
  (kib: number): Contestant =>
  () =>
    withWorkspace(kib, async (fs, reopen) => {
      const piece = randomBytes(MIB);
      const write = await withFile(fs, 'w', (file) => timeEach(LARGE / MIB, () => file.write(piece)));
      let cold = await reopen();
      const read = await withFile(cold, 'r', (file) => timeEach(LARGE / MIB, (i) => file.read(piece, 0, MIB, i * MIB)));
      cold = await reopen();
      const next = randomNumbers(7);
      const anywhere = (): number => Math.floor((next() * (LARGE - 4 * KIB)) / (4 * KIB)) * 4 * KIB;
      const page = new Uint8Array(4 * KIB);
      const reads = await withFile(cold, 'r', (file) => timeEach(ACCESSES, () => file.read(page, 0, page.length, anywhere())));
      cold = await reopen();
      const one = Uint8Array.of(1);
      const overwrites = await withFile(cold, 'r+', (file) => timeEach(ACCESSES, () => file.write(one, 0, 1, anywhere())));
      return {
        'write 64 MiB in calls of 1 MiB': write,
        'read 64 MiB in calls of 1 MiB, cold': read,
        [`${ACCESSES} reads of 4 KiB anywhere in 64 MiB, cold`]: reads,
        [`${ACCESSES} overwrites of 1 byte anywhere in 64 MiB, cold`]: overwrites,
      };
    });

const files =
  (length: number, count: number) =>
  (kib: number): Contestant =>
  () =>
    withWorkspace(kib, async (fs, reopen) => {
      const content = randomBytes(length);
      const all = Array.from({ length: count }, (_, i) => `/${i}.bin`);
      const together = await time(() => Promise.all(all.map((path) => fs.writeFile(path, content))));
      const each = await timeEach(count, (i) => fs.writeFile(all[i]!, content));
      const cold = await reopen();
      const read = await timeEach(count, (i) => cold.readFile(all[i]!));
      const what = `${count} files of ${length / KIB} KiB`;
      return { [`write ${what} under Promise.all`]: together, [`write ${what}, awaited each`]: each, [`read ${what}, cold`]: read };
    });

const appends =
  (kib: number): Contestant =>
  () =>
    withWorkspace(kib, async (fs) => {
      const piece = randomBytes(4 * KIB);
      return { '200 appends of 4 KiB, awaited each': await timeEach(200, () => fs.appendFile('/log.bin', piece)) };
    });

const scenario = (name: string, make: (kib: number) => Contestant): Scenario => ({
  name,
  contestants: Object.fromEntries(SIZES.map((kib) => [`${kib} KiB`, make(kib)])),
  ours: '256 KiB',
});

export const suite: Suite = {
  name: 'chunk-size-engine',
  where: 'worker',
  scripts: Object.fromEntries(
    SIZES.map((kib) => [`engine-${kib * KIB}.js`, { code: `export * from '../../src/engine.ts';`, chunkSize: kib * KIB }]),
  ),
  scenarios: [
    scenario('a file of 64 MiB', largeFile),
    scenario('files of 30 KiB', files(30 * KIB, 100)),
    scenario('files of 100 KiB', files(100 * KIB, 50)),
    scenario('files of 300 KiB', files(300 * KIB, 30)),
    scenario('files of 1 MiB', files(MIB, 16)),
    scenario('appends', appends),
  ],
};
