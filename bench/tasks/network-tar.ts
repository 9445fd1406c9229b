/* A tarball of more than 100 MB, opened as far as its last entry: against fetching and decompressing it natively, and nothing else. */

import { callFresh, freshScripts } from '../harness/fresh.ts';
import type { Contestant, Suite } from '../harness/suite.ts';
import { LOOPBACK, dataUrl, forgetArchives, measureOf, overLink } from '../network/link.ts';
import type { Opened } from '../network/stratafs.ts';

const task = 'full open of a tar.gz of 120 MB';
const zstdTask = 'full open of the same as tar.zst';
const again = 'the same tar.gz, opened again';
/** The last file by the bytes of its name. */
const LAST = '/node_modules/zstddec/package.json';

const open = async (archive: string): Promise<ReturnType<typeof measureOf>> =>
  measureOf(
    await overLink(
      LOOPBACK,
      async () => (await callFresh<Opened>('stratafs.js', 'openAndRead', { url: dataUrl(archive), paths: [LAST] })).ms,
    ),
  );

const exists = async (archive: string): Promise<boolean> => (await fetch(dataUrl(archive), { method: 'HEAD' })).ok;

const stratafs: Contestant = async () => {
  await forgetArchives();
  const first = await open('real.tar.gz');
  const second = await open('real.tar.gz');
  const zstd = (await exists('real.tar.zst')) ? { [zstdTask]: await open('real.tar.zst') } : {};
  return { [task]: first, [again]: second, ...zstd };
};

const bare = (call: string, archive: string): Promise<number> => callFresh('bare.js', call, { url: dataUrl(archive) });

export const suite: Suite = {
  name: 'network-tar',
  where: 'worker',
  data: ['real.tar.gz', 'real.tar.zst'],
  scripts: freshScripts('stratafs', 'bare'),
  scenarios: [
    {
      name: 'a tarball',
      contestants: {
        stratafs,
        'fetch and native gunzip': async () => {
          const ms = await bare('gunzip', 'real.tar.gz');
          return { [task]: ms, [again]: ms };
        },
        'fetch alone': async () => ({ [task]: await bare('whole', 'real.tar.gz'), [zstdTask]: await bare('whole', 'real.tar.zst') }),
      },
      ours: 'stratafs',
      limit: 'fetch and native gunzip',
      targets: { [task]: { against: 'fetch and native gunzip', atMost: 1.3 } },
      note: 'opened, listed, and its last file read; a server on the same machine',
    },
  ],
};
