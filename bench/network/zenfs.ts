/* ZenFS's Zip backend, set up as its documentation says: the archive is fetched whole. A worker of its own for each call. */

import { Zip } from '@zenfs/archives';
import { configure, fs } from '@zenfs/core';
import type { FreshCalls } from '../harness/fresh.ts';
import { time } from '../harness/suite.ts';

function openAndRead({ url, paths }: { url: string; paths: readonly string[] }): Promise<number> {
  return time(async () => {
    const data = await (await fetch(url, { cache: 'no-store' })).arrayBuffer();
    await configure({ mounts: { '/': { backend: Zip, data } } });
    fs.readdirSync('/');
    for (const path of paths) await fs.promises.readFile(path);
  });
}

export const calls: FreshCalls = { openAndRead };
