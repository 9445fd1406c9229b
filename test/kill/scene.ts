/* What every kill test begins with: the lower, the site, places to run the page in. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { startBrowser } from './browser.ts';
import { Content, type ModelNode, ModelTree } from './model.ts';
import { contentOf } from './random.ts';
import { type Place, STREAMS } from './rounds.ts';
import { type Site, startSite } from './site.ts';

/** Workers that break the promise on purpose. */
export type PlantedFault = 'early' | 'split';

/** The lower: for each stream a directory with files and directories. */
export function makeLower(): { readonly tree: ModelTree; readonly archive: Uint8Array } {
  const nodes = new Map<string, ModelNode>();
  const files: Record<string, Uint8Array> = {};
  const add = (path: string, seed: number, size: number): void => {
    const bytes = contentOf(seed, size);
    files[path.slice(1)] = bytes;
    nodes.set(path, { type: 'file', content: new Content(size, () => bytes) });
  };
  for (const [i, { root }] of STREAMS.entries()) {
    nodes.set(root, { type: 'directory' });
    for (let j = 0; j < 6; j++) add(`${root}/lower-${j}`, i * 100 + j, j * 10_000);
    for (const directory of ['a', 'b']) {
      nodes.set(`${root}/${directory}`, { type: 'directory' });
      for (let j = 0; j < 4; j++) add(`${root}/${directory}/f${j}`, i * 100 + 10 + j, 100 + j * 90_000);
    }
  }
  return { tree: new ModelTree(nodes), archive: zipSync(files, { level: 0 }) };
}

/** Bundles page and workers and serves them with the lower. */
export function startKillSite(archive: Uint8Array, planted: readonly PlantedFault[] = []): Promise<Site> {
  const workers = planted.map((fault) => [`${fault}.js`, `test/kill/planted-faults/${fault}-worker.ts`] as const);
  return startSite({
    scripts: { 'page.js': 'test/kill/page.ts', 'worker.js': 'src/rpc/worker-script.ts', ...Object.fromEntries(workers) },
    files: { 'lower.zip': archive },
    main: 'page.js',
  });
}

/** A profile on the disk, and each visit a browser of its own that is killed. */
export async function killedBrowsers(): Promise<Place & AsyncDisposable> {
  const makeFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'stratafs-kill-'));
  let profile = await makeFolder();
  const remove = (): Promise<void> => rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  return {
    async visit(url) {
      const browser = startBrowser(profile, url);
      return { end: () => browser.kill() };
    },
    async renew() {
      await remove();
      profile = await makeFolder();
    },
    lose: () => rm(join(profile, 'Default/IndexedDB'), { recursive: true }),
    [Symbol.asyncDispose]: remove,
  };
}
