/* What 100,000 lower entries take in memory: untouched, listed, and with every path walked. Bytes after a garbage collection, heap and buffers. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Overlay, memoryUpper, openLayer } from '../../src/engine.ts';
import type { Fs } from '../../src/fs/api.ts';
import type { Contestant, Measure, Suite } from '../harness/suite.ts';
import { archive } from '../scenarios/deep-tree.ts';

const tasks = {
  untouched: '100,000 entries mounted, untouched',
  listed: 'all directories listed with types: what it adds',
  walked: 'a stat of every path: what it adds',
  forgotten: 'one file made: what is kept of the walks',
};
const COUNT = 'bytes an entry';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function used(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external } = process.memoryUsage(); // buffers are in `external`
  return heapUsed + external;
}

function list(fs: Fs, at: string): void {
  for (const entry of fs.readdirSync(at, { withFileTypes: true })) if (entry.isDirectory()) list(fs, `${at}${entry.name}/`);
}

function walk(fs: Fs, at: string): void {
  for (const name of fs.readdirSync(at)) if (fs.statSync(`${at}${name}`).isDirectory()) walk(fs, `${at}${name}/`);
}

const ours: Contestant = async () => {
  const bytes = archive();
  const before = await used();
  const start = performance.now();
  const layer = await openLayer(bytes);
  await using overlay = await Overlay.mount({ lower: [layer], upper: memoryUpper() });
  const { fs } = overlay;
  const measured: Record<string, Measure> = {};
  const note = async (task: string, since: number, begun: number): Promise<number> => {
    const ms = performance.now() - begun;
    const now = await used();
    measured[task] = { ms, counts: { [COUNT]: Math.round(((now - since) / layer.table.length) * 10) / 10 } };
    return now;
  };
  const mounted = await note(tasks.untouched, before, start);
  let begun = performance.now();
  list(fs, '/');
  const listed = await note(tasks.listed, mounted, begun);
  begun = performance.now();
  walk(fs, '/');
  await note(tasks.walked, listed, begun);
  begun = performance.now();
  fs.writeFileSync('/made', '');
  await note(tasks.forgotten, listed, begun);
  return measured;
};

export const suite: Suite = {
  name: 'engine-memory',
  where: 'node',
  scenarios: [
    {
      name: 'memory',
      contestants: { stratafs: ours },
      ours: 'stratafs',
      targets: { [tasks.untouched]: { count: COUNT, atMost: 90 } },
      note: 'The archive itself is in memory and does not count.',
    },
  ],
};
