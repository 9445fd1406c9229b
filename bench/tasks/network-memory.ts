/* What an opened tree of more than 12,000 files and 120 MB takes in memory, by the way it is packed: in Node, where it can be asked. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Zip } from '@zenfs/archives';
import { resolveMountConfig } from '@zenfs/core';
import { Overlay, memoryUpper, openLayer } from '../../src/engine.ts';
import type { Layer } from '../../src/engine.ts';
import { fileSource } from '../../src/pack/file-source.ts';
import { makeArchives } from '../data/archives.ts';
import type { Contestant, Measure, Suite } from '../harness/suite.ts';

const ARCHIVES = ['real.tar.gz', 'real.zip', 'real.esgz'];
const KEPT = 'MiB kept';
/** What issue and README promise of a tree of 100 MB. */
const MOST = 40;
const taskOf = (archive: string): string => `open ${archive}`;
const folder = await makeArchives(ARCHIVES);

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** MiB in use. Buffers are let go of in the background, hence the waiting. */
async function used(): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < 5; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    least = Math.min(least, heapUsed + arrayBuffers);
  }
  return least / 2 ** 20;
}

/** Opens something, and measures while it is held. */
async function measure<T>(open: () => Promise<T>, close: (opened: T) => Promise<void>): Promise<Measure> {
  const before = await used();
  const start = performance.now();
  const opened = await open();
  const ms = performance.now() - start;
  const kept = (await used()) - before;
  await close(opened);
  return { ms, counts: { [KEPT]: Math.round(kept * 10) / 10 } };
}

async function openOurs(archive: string): Promise<{ overlay: Overlay; layer: Layer }> {
  const file = join(folder, archive);
  // As over HTTP: a tar has to be had whole, the others are read by ranges.
  const layer = await openLayer(archive.endsWith('.tar.gz') ? new Uint8Array(readFileSync(file)) : fileSource(file));
  const overlay = await Overlay.mount({ lower: [layer], upper: memoryUpper() });
  overlay.fs.readdirSync('/');
  return { overlay, layer };
}

const stratafs: Contestant = async () => {
  const measured: Record<string, Measure> = {};
  for (const archive of ARCHIVES) {
    measured[taskOf(archive)] = await measure(
      () => openOurs(archive),
      async ({ overlay, layer }) => {
        await overlay.close();
        await layer.close();
      },
    );
  }
  return measured;
};

const zenfs: Contestant = async () => {
  const open = async (): Promise<unknown> => {
    const data = readFileSync(join(folder, 'real.zip'));
    return resolveMountConfig({ backend: Zip, data: data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) });
  };
  return { [taskOf('real.zip')]: await measure(open, async () => undefined) };
};

export const suite: Suite = {
  name: 'network-memory',
  where: 'node',
  scenarios: [
    {
      name: 'memory of an opened tree',
      contestants: { stratafs, 'ZenFS Zip': zenfs },
      ours: 'stratafs',
      targets: Object.fromEntries(ARCHIVES.map((archive) => [taskOf(archive), { count: KEPT, atMost: MOST }])),
      note: 'heap and buffers that stay after opening and listing; no file was read',
    },
  ],
};
