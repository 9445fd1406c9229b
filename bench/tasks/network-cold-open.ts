/*
 * The first time that a page opens a zip of more than 10,000 files and reads one of them: against fetching the same bytes and nothing
 * else, against that and the least that has to be done with the directory, and against ZenFS's Zip, which fetches all of it.
 */

import type { Traffic } from '../data/server.ts';
import { callFresh, freshScripts } from '../harness/fresh.ts';
import type { Contestant, Scenario, Suite } from '../harness/suite.ts';
import { HOME, LOOPBACK, dataUrl, forgetArchives, measureOf, once, overLink, setLink } from '../network/link.ts';
import type { OpenArgs, Opened } from '../network/stratafs.ts';

const ARCHIVE = 'real.zip';
const FILE = '/node_modules/react/cjs/react.production.js';
const task = 'open a zip of 12,000 files, read one';
/** What any reader of a zip has to do before it can open a file by its path. */
const LEANEST = 'the same bytes, and the leanest loop over the directory';
const BESIDE = 'bytes beside index and file';
const MOST_BESIDE = 64 << 10;

const args = (): OpenArgs => ({ url: dataUrl(ARCHIVE), paths: [FILE] });

/** What ours fetches, to be fetched bare. */
const rangesOfOurs = once(async () => {
  await forgetArchives();
  await setLink(LOOPBACK);
  await callFresh('stratafs.js', 'openAndRead', args());
  return (await setLink(LOOPBACK)).ranges;
});

/** Bytes of the central directory with its end, and of the file as it is packed. */
const needed = once(async () => {
  const url = dataUrl(ARCHIVE);
  const bytes = new DataView(await (await fetch(url)).arrayBuffer());
  const end = bytes.byteLength - 22;
  const directory = bytes.getUint32(end + 12, true);
  let at = bytes.getUint32(end + 16, true);
  const name = new TextEncoder().encode(FILE.slice(1));
  while (at < end) {
    const length = bytes.getUint16(at + 28, true);
    const found = new Uint8Array(bytes.buffer, at + 46, length);
    if (length === name.length && name.every((byte, i) => byte === found[i])) return directory + 22 + bytes.getUint32(at + 20, true);
    at += 46 + length + bytes.getUint16(at + 30, true) + bytes.getUint16(at + 32, true);
  }
  throw new Error(`${ARCHIVE} has no ${FILE}`);
});

const beside = async ({ bytes }: Traffic): Promise<number> => bytes - (await needed());

function scenario(name: string, link: typeof HOME): Scenario {
  const stratafs: Contestant = async () => {
    await forgetArchives();
    const { ms, traffic } = await overLink(link, async () => (await callFresh<Opened>('stratafs.js', 'openAndRead', args())).ms);
    const { requests, bytes } = traffic;
    return { [task]: { ms, counts: { requests, bytes, [BESIDE]: await beside(traffic) } } };
  };
  const bare: Contestant = async () => {
    const ranges = await rangesOfOurs();
    return { [task]: measureOf(await overLink(link, () => callFresh('bare.js', 'ranges', { url: dataUrl(ARCHIVE), ranges }))) };
  };
  const leanest: Contestant = async () => {
    const ranges = await rangesOfOurs();
    return { [task]: measureOf(await overLink(link, () => callFresh('bare.js', 'directory', { url: dataUrl(ARCHIVE), ranges }))) };
  };
  const zenfs: Contestant = async () => ({ [task]: measureOf(await overLink(link, () => callFresh('zenfs.js', 'openAndRead', args()))) });
  return {
    name: `cold open, ${name}`,
    contestants: { stratafs, 'the same bytes, bare': bare, [LEANEST]: leanest, 'ZenFS Zip': zenfs },
    ours: 'stratafs',
    limit: 'the same bytes, bare',
    targets: {
      [task]: [
        { against: 'the same bytes, bare', atMost: 1.5 },
        { against: LEANEST, atMost: 1.5 },
        { against: 'ZenFS Zip', atMost: 0.1 },
        { count: 'requests', atMost: 3 },
        { count: BESIDE, atMost: MOST_BESIDE },
      ],
    },
    note: `${name}; each in a worker of its own that has just started`,
  };
}

export const suite: Suite = {
  name: 'network-cold-open',
  where: 'worker',
  data: [ARCHIVE],
  scripts: freshScripts('stratafs', 'bare', 'zenfs'),
  scenarios: [scenario('50 ms, 50 Mbit/s', HOME), scenario('a server on the same machine', LOOPBACK)],
};
