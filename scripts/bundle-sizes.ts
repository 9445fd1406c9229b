/* What a page and its worker load, gzipped, and what they may: checked by every build, and by the test of the packed package. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'rolldown';

/** Bytes: DESIGN.md, "the page bundle holds the client only". */
export const PAGE_BUDGET = 8 * 1024;
export const WORKER_BUDGET = 120 * 1024;

/** Sizes of what is in `dist`: the client as an application bundles it, dependencies included, and the packaged worker. Bytes. */
export async function bundleSizes(dist: string): Promise<{ readonly page: number; readonly worker: number }> {
  const { output } = await build({
    input: join(dist, 'index.js'),
    platform: 'browser',
    write: false,
    logLevel: 'silent',
    output: { format: 'esm', minify: true, codeSplitting: false },
  });
  return { page: gzipSync(output[0].code).length, worker: gzipSync(await readFile(join(dist, 'worker.js'))).length };
}

/** @throws when one is over its budget */
export function assertBudgets({ page, worker }: { readonly page: number; readonly worker: number }): void {
  if (page > PAGE_BUDGET) throw new Error(`the page's client takes ${page} bytes gzipped, and may take ${PAGE_BUDGET}`);
  if (worker > WORKER_BUDGET) throw new Error(`the worker takes ${worker} bytes gzipped, and may take ${WORKER_BUDGET}`);
}
