/*
 * A compiler starts over an archive behind a network of 50 ms and 50 Mbit/s: it reads 325 files of some 7,500, one after the other, in
 * the order that was recorded of a real start. With a record of an earlier start, and without; and once more without a network.
 */

import type { TreeContent } from '../data/archives.ts';
import { callFresh, freshScripts } from '../harness/fresh.ts';
import type { Contestant, Measure, Suite } from '../harness/suite.ts';
import { HOME, LOOPBACK, OFFLINE, dataUrl, forgetArchives, measureOf, once, overLink, setLink } from '../network/link.ts';
import type { OpenArgs, Opened } from '../network/stratafs.ts';

const task = {
  recorded: 'tsc starts, with a record of its files',
  unrecorded: 'tsc starts, without a record',
  offline: 'tsc starts again, without a network',
};

const trace = once(async () => ((await (await fetch('/data/base.json')).json()) as TreeContent).trace);

async function start(archive: string, options?: OpenArgs['options'], isAgain = false): Promise<Measure> {
  if (!isAgain) await forgetArchives();
  const args: OpenArgs = { url: dataUrl(archive), paths: await trace(), ...(options !== undefined && { options }) };
  const link = isAgain ? OFFLINE : HOME;
  return measureOf(await overLink(link, async () => (await callFresh<Opened>('stratafs.js', 'openAndRead', args)).ms));
}

const estargz: Contestant = async () => {
  const recorded = await start('base-traced.esgz');
  const offline = await start('base-traced.esgz', undefined, true);
  return { [task.recorded]: recorded, [task.offline]: offline, [task.unrecorded]: await start('base.esgz') };
};

const zip: Contestant = async () => {
  const prefetch = await trace();
  const recorded = await start('base-traced.zip', { prefetch });
  const offline = await start('base-traced.zip', { prefetch }, true);
  return { [task.recorded]: recorded, [task.offline]: offline, [task.unrecorded]: await start('base.zip') };
};

/** A list of paths, and an archive that was packed without it: what is wanted stands scattered. */
const list: Contestant = async () => ({
  [task.recorded]: await start('base.zip', { prefetch: await trace() }),
});

const listOfEstargz: Contestant = async () => ({
  [task.recorded]: await start('base.esgz', { prefetch: await trace() }),
});

const placesOfTrace = once(async () => {
  await setLink(LOOPBACK);
  return callFresh<[number, number][]>('stratafs.js', 'placesOf', { url: dataUrl('base.zip'), paths: await trace() });
});

/** What ours fetches with a record: where it goes through the network, nothing can be faster. */
const rangesOfRecorded = once(async () => {
  await forgetArchives();
  const { traffic } = await overLink(LOOPBACK, async () => {
    const args: OpenArgs = { url: dataUrl('base-traced.esgz'), paths: await trace() };
    return (await callFresh<Opened>('stratafs.js', 'openAndRead', args)).ms;
  });
  return traffic.ranges;
});

const bare: Contestant = async () => {
  const args = { url: dataUrl('base-traced.esgz'), ranges: await rangesOfRecorded() };
  return { [task.recorded]: measureOf(await overLink(HOME, () => callFresh('bare.js', 'ranges', args))) };
};

const rangeEach: Contestant = async () => {
  const args = { url: dataUrl('base.zip'), ranges: await placesOfTrace() };
  return { [task.unrecorded]: measureOf(await overLink(HOME, () => callFresh('bare.js', 'ranges', args))) };
};

const everything: Contestant = async () => {
  const args: OpenArgs = { url: dataUrl('base.zip'), paths: await trace() };
  const measure = measureOf(await overLink(HOME, () => callFresh('stratafs.js', 'fetchFirst', args)));
  return { [task.recorded]: measure, [task.unrecorded]: measure };
};

export const suite: Suite = {
  name: 'network-startup',
  where: 'worker',
  data: ['base.json', 'base.zip', 'base.esgz', 'base-traced.zip', 'base-traced.esgz'],
  scripts: freshScripts('stratafs', 'bare'),
  scenarios: [
    {
      name: 'tsc over 50 ms, 50 Mbit/s',
      contestants: {
        'stratafs, eStargz': estargz,
        'stratafs, zip': zip,
        'stratafs, zip, list only': list,
        'stratafs, eStargz, list only': listOfEstargz,
        'the same bytes, bare': bare,
        'everything first (zip)': everything,
        'one range a file (zip, bare)': rangeEach,
      },
      ours: 'stratafs, eStargz',
      limit: 'the same bytes, bare',
      targets: { [task.recorded]: { atMostMs: 600 }, [task.unrecorded]: { atMostMs: 1600 } },
      note: 'the record: eStargz has it in front of its landmark, zip is packed with the files in front and opened with a list; *list only*: the archive was packed without it. One range a file is fetched without index or decoding',
    },
  ],
};
